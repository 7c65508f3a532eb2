import { DeadLetter, DeadLetterList } from '@recourse/contracts/http';
import { PoisonList, PoisonMessage, Redriven, redriveIdsMax } from '@recourse/contracts/http-dead-letters';
import { StartError } from '@recourse/infra/errors';
import { Command } from 'commander';
import { type Client, RefusedError } from '../client.ts';
import type { Environment } from '../config.ts';
import { deadLetterLines, letterLines } from '../dead-letter-lines.ts';
import { reaching } from '../reach.ts';
import { complain, print, printJson } from '../terminal.ts';
import { examples, type WhereOptions, wholeNumber, withWhere } from './options.ts';

type ListOptions = WhereOptions & { readonly limit: string };
type RedriveOptions = WhereOptions & { readonly all?: true };
type DiscardOptions = WhereOptions & { readonly note: string };

/** A page of poison is at most that long: each is whole. */
const poisonMax = 100;
const listMax = 500;

/** `recourse dead-letters`: what groups could not handle, and what nobody can read; shown, redriven, discarded. */
export const deadLettersCommand = (environment: Environment): Command =>
  listing(
    environment,
    new Command('dead-letters').description('Show what could not be handled, and decide on it'),
  )
    .addCommand(listing(environment, new Command('list').description('List them')))
    .addCommand(showCommand(environment))
    .addCommand(redriveCommand(environment))
    .addCommand(discardCommand(environment))
    .addHelpText(
      'after',
      examples(
        'recourse dead-letters',
        'recourse dead-letters show 4711-1',
        'recourse dead-letters redrive --all',
        'recourse dead-letters discard 4711-1 --note "sent twice"',
      ),
    );

const listing = (environment: Environment, command: Command): Command =>
  withWhere(
    command.option('--limit <n>', `so many at most, up to ${listMax}`, '50').option('--json', 'as JSON'),
  ).action((options: ListOptions) => {
    const limit = wholeNumber('--limit', options.limit, listMax);
    return reaching(environment, options, async (client) => {
      const letters = DeadLetterList.parse((await client.ask('GET', `/dead-letters?limit=${limit}`)).body);
      const poison = PoisonList.parse(
        (await client.ask('GET', `/poison?limit=${Math.min(limit, poisonMax)}`)).body,
      );
      if (options.json) printJson({ deadLetters: letters, poison });
      else for (const line of deadLetterLines(letters, poison)) print(line);
    });
  });

const showCommand = (environment: Environment): Command =>
  withWhere(
    new Command('show')
      .description('Show one with all that is known of it, personal data included')
      .argument('<id>', 'as the list says it')
      .option('--json', 'as JSON'),
  ).action((id: string, options: WhereOptions) =>
    reaching(environment, options, async (client) => {
      const { body } = await client.ask('GET', pathOf(id));
      const it = isPoison(id) ? PoisonMessage.parse(body) : DeadLetter.parse(body);
      if (options.json) printJson(it);
      else for (const line of letterLines(it)) print(line);
    }),
  );

const redriveCommand = (environment: Environment): Command =>
  withWhere(
    new Command('redrive')
      .description('Try them again now; what waits behind them follows in order')
      .argument('[ids...]', 'as the list says them')
      .option('--all', 'every dead letter there is; not what cannot be read')
      .option('--json', 'as JSON'),
  )
    .addHelpText(
      'after',
      `
What cannot be read (poison-…) is published to its topic again, for all its groups.
Exit codes: 0 all that were named are tried again, 1 some are no dead letters any more.
${examples('recourse dead-letters redrive 4711-1 4712-2', 'recourse dead-letters redrive --all')}`,
    )
    .action((ids: readonly string[], options: RedriveOptions) => {
      if ((ids.length === 0) === (options.all === undefined))
        throw new StartError('invalid-argument', 'Name dead letters, or say --all.');
      return reaching(environment, options, async (client) => {
        const { redriven, unknown } =
          options.all === undefined ? await redrive(client, ids) : await send(client, { all: true });
        if (options.json) printJson({ redriven, unknown });
        else print(redriven === 1 ? '1 is tried again' : `${redriven} are tried again`);
        for (const id of options.json ? [] : unknown) complain(`There is no dead letter ${id}.`);
        if (unknown.length > 0) process.exitCode = 1;
      });
    });

const discardCommand = (environment: Environment): Command =>
  withWhere(
    new Command('discard')
      .description('Drop one, on record; what waits behind it follows in order')
      .argument('<id>', 'as the list says it')
      .requiredOption('--note <why>', 'why, for the record')
      .option('--json', 'what was dropped, as JSON'),
  ).action((id: string, options: DiscardOptions) =>
    reaching(environment, options, async (client) => {
      const { body } = await client.ask('POST', `${pathOf(id)}/discard`, { body: { note: options.note } });
      if (options.json) printJson(body);
      else print(`${id} is dropped`);
    }),
  );

const isPoison = (id: string) => id.startsWith('poison-');
const pathOf = (id: string) => `/${isPoison(id) ? 'poison' : 'dead-letters'}/${encodeURIComponent(id)}`;

const send = async (client: Client, body: unknown): Promise<Redriven> =>
  Redriven.parse((await client.ask('POST', '/dead-letters/redrive', { body })).body);

const redrive = async (client: Client, ids: readonly string[]): Promise<Redriven> => {
  const all = { redriven: 0, unknown: [] as string[] };
  const letters = ids.filter((id) => !isPoison(id));
  for (let from = 0; from < letters.length; from += redriveIdsMax) {
    const { redriven, unknown } = await send(client, { ids: letters.slice(from, from + redriveIdsMax) });
    all.redriven += redriven;
    all.unknown.push(...unknown);
  }
  for (const id of ids.filter(isPoison)) {
    try {
      await client.ask('POST', `${pathOf(id)}/redrive`);
      all.redriven += 1;
    } catch (error) {
      if (!(error instanceof RefusedError) || error.status !== 404) throw error;
      all.unknown.push(id);
    }
  }
  return all;
};
