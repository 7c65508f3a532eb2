import { Pace, ProjectionList, type ProjectionStatus } from '@recourse/contracts/http-projections';
import { StartError } from '@recourse/infra/errors';
import { foregroundClock as clock } from '@recourse/infra/system';
import { Command } from 'commander';
import type { Client } from '../client.ts';
import type { Environment } from '../config.ts';
import { projectionLines, rebuiltLine } from '../projection-lines.ts';
import { reaching } from '../reach.ts';
import { awaitRebuilds, type Rebuilt } from '../rebuilding.ts';
import { complain, print, printJson } from '../terminal.ts';
import { examples, invalidFlag, type WhereOptions, withWhere } from './options.ts';

type RebuildOptions = WhereOptions & { readonly all?: true; readonly pace: string };

/** `recourse projections`: how the read models stand, and folding them anew. */
export const projectionsCommand = (environment: Environment): Command =>
  withWhere(
    new Command('projections')
      .description('Show how far the read models are, or fold them anew from the log')
      .option('--json', 'as JSON'),
  )
    .addCommand(rebuildCommand(environment))
    .addHelpText('after', examples('recourse projections', 'recourse projections rebuild --all --pace full'))
    .action((options: WhereOptions) =>
      reaching(environment, options, async (client) => {
        const all = await readAll(client);
        if (options.json) printJson(all);
        else for (const line of projectionLines(all)) print(line);
      }),
    );

const rebuildCommand = (environment: Environment): Command =>
  withWhere(
    new Command('rebuild')
      .description('Fold read models anew beside those that serve, which go on until it has caught up')
      .argument('[name]', 'of a projection')
      .option('--all', 'all of them, in one pass over the log')
      .option(
        '--pace <pace>',
        'full, default (which leaves room for orders), or so many events a second',
        'default',
      )
      .option('--json', 'what came of it, as JSON'),
  )
    .addHelpText(
      'after',
      `
It goes on in the server when this command is ended, and after a crash. Exit codes: 0 it serves now, 1 it does not.
${examples('recourse projections rebuild orders', 'recourse projections rebuild --all --pace full')}`,
    )
    .action((name: string | undefined, options: RebuildOptions) => {
      const pace = parsePace(options.pace);
      if ((name === undefined) === (options.all === undefined))
        throw new StartError('invalid-argument', 'Name one projection, or say --all.');
      return reaching(environment, options, (client) => rebuild(client, name, pace, options.json === true));
    });

const readAll = async (client: Client): Promise<ProjectionList> =>
  ProjectionList.parse((await client.ask('GET', '/projections')).body);

const rebuild = async (client: Client, name: string | undefined, pace: Pace, json: boolean) => {
  const names = (await readAll(client)).items.map((it) => it.name);
  if (name !== undefined && !names.includes(name))
    throw new StartError(
      'unknown-projection',
      `There is no projection ${name}: there are ${names.join(', ')}.`,
    );
  const began = clock.monotonic();
  await client.ask('POST', name === undefined ? '/projections/rebuild' : `/projections/${name}/rebuild`, {
    body: { pace },
  });
  const rebuilt = await awaitRebuilds({
    read: () => readAll(client),
    names: name === undefined ? names : [name],
    clock,
    quiet: json,
  });
  const seconds = (clock.monotonic() - began) / 1_000;
  report(rebuilt, seconds, json);
};

const report = ({ items, head }: Rebuilt, seconds: number, json: boolean) => {
  const failed = items.filter((it) => it.rebuild !== null);
  if (json)
    printJson({
      head,
      items,
      seconds: Number(seconds.toFixed(3)),
      eventsPerSecond: Math.round(Number(head) / seconds),
    });
  else for (const it of items) if (it.rebuild === null) print(rebuiltLine(it));
  if (failed.length === 0) {
    if (!json)
      print(
        `${Number(head)} events in ${seconds.toFixed(1)} s: ${Math.round(Number(head) / seconds)} events/s`,
      );
    return;
  }
  for (const it of failed) complain(failedLine(it));
  process.exitCode = 1;
};

const failedLine = ({ name, version, rebuild }: ProjectionStatus): string => {
  const { message, position, stream, type } = rebuild?.error ?? { message: 'it is not known why' };
  const where = position === undefined ? '' : ` at position ${Number(position)} (${stream}, ${type})`;
  return `The rebuild of ${name} was given up${where}: ${message}. What served before (version ${version}) goes on serving; mend the fold, and rebuild again.`;
};

const parsePace = (text: string): Pace => {
  const pace = Pace.safeParse(/^\d{1,9}$/.test(text) ? Number(text) : text);
  if (pace.success) return pace.data;
  const allowed = 'full, default, or a whole number of events a second from 1 to 10000000';
  throw invalidFlag('--pace', text, allowed);
};
