import { SagaVersions } from '@recourse/contracts/http-versions';
import { StartError } from '@recourse/infra/errors';
import { Command } from 'commander';
import type { Environment } from '../config.ts';
import { reaching } from '../reach.ts';
import { print, printJson } from '../terminal.ts';
import { moved, planned } from '../versions/in-parts.ts';
import { migrationLines, planLines, versionLines } from '../versions/lines.ts';
import { examples, invalidFlag, type WhereOptions, wholeNumber, withWhere } from './options.ts';

type PlanOptions = WhereOptions & { readonly to: string };
type MigrateOptions = WhereOptions & {
  readonly to?: string;
  readonly undo?: true;
  readonly batch?: string;
  readonly note?: string;
};

/** `recourse versions`: which version of the saga open orders run on, what moving them would do, and moving them. */
export const versionsCommand = (environment: Environment): Command =>
  withWhere(
    new Command('versions')
      .description('Count open sagas by version of the machine and state; plan and make a migration')
      .option('--json', 'as JSON'),
  )
    .addHelpText(
      'after',
      examples('recourse versions', 'recourse versions plan --to v2', 'recourse versions migrate --to v2'),
    )
    .addCommand(planCommand(environment))
    .addCommand(migrateCommand(environment))
    .action((options: WhereOptions) =>
      reaching(environment, options, async (client) => {
        const versions = SagaVersions.parse((await client.ask('GET', '/versions')).body);
        show(options, versions, () => versionLines(versions));
      }),
    );

const planCommand = (environment: Environment): Command =>
  withWhere(
    new Command('plan')
      .description('Say which open sagas could go on as another version, and why others could not')
      .requiredOption('--to <version>', 'such as v2')
      .option('--json', 'as JSON'),
  )
    .addHelpText(
      'after',
      `\nReplays what each open saga has heard against the machine of that version. Touches nothing.\n${examples('recourse versions plan --to v2', 'recourse versions plan --to v2 --json | jq .cannotMove')}`,
    )
    .action((options: PlanOptions) => {
      const to = versionOf(options.to);
      return reaching(environment, options, async (client) => {
        const plan = await planned(client, to, { quiet: options.json === true });
        show(options, plan, () => planLines(plan));
      });
    });

const migrateCommand = (environment: Environment): Command =>
  withWhere(
    new Command('migrate')
      .description('Move the open sagas that can to another version, or put back those that have just moved')
      .option('--to <version>', 'such as v2')
      .option('--undo', 'put back each saga that has taken no step since it moved')
      .option('--batch <n>', 'open sagas looked at by one request', '500')
      .option('--note <text>', 'kept with each wish in the log')
      .option('--json', 'as JSON'),
  )
    .addHelpText(
      'after',
      `\nA saga that takes another step meanwhile stays as it is; run again, it goes on.\n${examples('recourse versions migrate --to v2 --note "deploy 7"', 'recourse versions migrate --undo')}`,
    )
    .action((options: MigrateOptions) => {
      const { path, body } = asked(options);
      const batch = wholeNumber('--batch', options.batch!, batchMax);
      return reaching(environment, options, async (client, { running }) => {
        if (!running) throw needsServer();
        const quiet = options.json === true;
        const migration = await moved(client, path, body, { quiet, batch });
        show(options, migration, () => migrationLines(migration, options.undo === true));
        if (migration.pending > 0) process.exitCode = 1;
      });
    });

const show = ({ json }: WhereOptions, value: unknown, lines: () => readonly string[]) => {
  if (json) printJson(value);
  else for (const line of lines()) print(line);
};

/** What is asked of the server: a migration, or its undoing. */
const asked = ({ to, undo, note }: MigrateOptions) => {
  if ((to === undefined) === (undo === undefined))
    throw new StartError('invalid-flag', 'Say either --to <version>, or --undo.');
  const said = note === undefined ? {} : { note };
  return to === undefined
    ? { path: '/versions/migrations/undo', body: said }
    : { path: '/versions/migrations', body: { to: versionOf(to), ...said } };
};

const needsServer = () =>
  new StartError(
    'no-server',
    'A migration needs a running server, as each saga hears of it from there: start one with npm start. `recourse versions plan` works without.',
  );

const versionOf = (text: string): number => {
  const [, digits] = /^v?([1-9]\d{0,5})$/.exec(text) ?? [];
  if (digits !== undefined) return Number(digits);
  throw invalidFlag('--to', text, 'a version, such as v2');
};

const batchMax = 5_000;
