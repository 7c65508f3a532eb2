import { StartError, UnavailableError } from '@recourse/infra/errors';
import { foregroundClock as clock, systemClock } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { Command, Option } from 'commander';
import { type Environment, readConfig } from '../config.ts';
import type { MoveProgress, MoveReport } from '../move/move.ts';
import { progressBar } from '../progress-bar.ts';
import { colours, complain, print, printJson, tableLines } from '../terminal.ts';
import { addSettingOptions, examples, flagsOf } from './options.ts';

type Options = Record<string, unknown> & {
  readonly to: 'postgres' | 'eventstore';
  readonly copy?: true;
  readonly json?: true;
};

/** When all is done and said, what is open still is left so. */
const leaveMsMax = 1_000;

/** `recourse move`: moves a data folder to a distributed installation. */
export const moveCommand = (environment: Environment): Command =>
  addSettingOptions(
    new Command('move')
      .description('Move a data folder to a distributed installation: log, what waits, timers, books')
      .addOption(
        new Option('--to <store>', 'what keeps the log there')
          .choices(['postgres', 'eventstore'])
          .makeOptionMandatory(),
      )
      .option('--copy', 'a rehearsal: the folder is not marked as moved, and may be started again')
      .option('--json', 'as JSON'),
  )
    .addHelpText(
      'after',
      `
No server may run in the folder. The settings are those of the installation: KAFKA_BROKERS, POSTGRES_URL, RELAY_SHARDS
and the others have to be what its processes will be started with. Its topics and groups have to be new, its log empty.
What was broken off goes on when it is run again. In the end everything is read back and compared, and the folder is
marked: recourse start refuses it from then on. Nothing else in it is changed.

Exit codes: 0 all is as it was in the folder, 1 it is not, or nothing was moved.
${examples(
  'recourse move --to postgres --copy',
  'recourse move --data-dir /var/lib/recourse --to postgres',
  'EVENTSTORE_URL=esdb://… recourse move --to eventstore --json',
)}`,
    )
    .action(async (options: Options) => {
      const flags = flagsOf(options);
      const config = readConfig(flags, environment);
      const { moveInstallation } = await import('../move/move.ts');
      const bars = progressBars();
      try {
        const report = await moveInstallation({
          dataDir: config.dataDir,
          to: options.to,
          config,
          copy: options.copy === true,
          clock,
          logger: createLogger({ level: config.logLevel, pretty: config.logFormat }),
          onProgress: bars.show,
        }).catch((error: unknown) => {
          throw error instanceof UnavailableError ? goneAway(error) : error;
        });
        bars.stop();
        if (options.json === true) printJson(report);
        else say(report);
        if (report.differing > 0) process.exitCode = 1;
      } finally {
        bars.stop();
        // A connection that the library was asked to close may stay open, and would hold the process.
        systemClock.after(leaveMsMax, () => process.exit());
      }
    });

const goneAway = ({ message }: UnavailableError) =>
  new StartError(
    'not-reached',
    `The target went away: ${message}. Nothing is lost: run the same again, and it goes on where this ended.`,
  );

/** One bar after the other, on a terminal. */
const progressBars = () => {
  let shown: string | undefined;
  let bar: ReturnType<typeof progressBar>;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  const show: MoveProgress = (what, done, total) => {
    if (shown !== what) {
      stop();
      shown = what;
      bar = progressBar(`${what}: {value} of {total} records | {eta_formatted} left`, false, {
        etaBuffer: 100,
      });
      bar?.start(total, done);
    }
    bar?.update(done);
  };
  return { show, stop };
};

const numberText = (value: number): string => value.toLocaleString('en-GB');

const say = (report: MoveReport): void => {
  const { from, at, records, streams, copied, carried, relayFrom, differing, differences, marked } = report;
  const rows: [string, number][] = [
    ['records', records],
    ['of them copied now', copied],
    ['streams', streams],
    ['messages that wait', carried.waiting],
    ['dead letters', carried.dead],
    ['discarded messages', carried.discarded],
    ['timers', carried.timers],
    ['entries of the simulated books', carried.bookEntries],
    ['charts of the machines', carried.charts],
    ['published from position', relayFrom],
  ];
  const lines = rows.map(([what, value]) => [what, numberText(value)]);
  for (const line of tableLines([['', ''], ...lines], [1]).slice(1)) print(line);
  print();
  for (const line of differences) complain(colours.red(line));
  if (differing > differences.length) complain(colours.red(`and ${differing - differences.length} more`));
  if (differing > 0) {
    complain(`${at} is not what ${from} is: ${differing} differences. The folder is not marked.`);
    return;
  }
  print(colours.green(`All was read back and compared: ${at} holds what ${from} holds.`));
  print(
    marked
      ? 'The folder is marked as moved. Start the installation with the same settings: recourse start --role …'
      : 'This was a copy: the folder is not marked. Start one of the two, never both.',
  );
};
