import { formatPosition } from '@recourse/contracts/http';
import { foregroundClock as clock } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import { Command } from 'commander';
import { type Environment, readConfig } from '../config.ts';
import { type Closing, closeAll } from '../parts.ts';
import { progressBar } from '../progress-bar.ts';
import { print, printJson } from '../terminal.ts';
import { addSettingOptions, examples, flagsOf, wholeNumber } from './options.ts';

type Options = Record<string, unknown> & {
  readonly fromPosition: string;
  readonly check?: true;
  readonly json?: true;
};

const digitsMax = 16;

/** `recourse topics republish`: has the relays publish again what topics have lost. */
export const republishCommand = (environment: Environment): Command =>
  addSettingOptions(
    new Command('republish')
      .description('Publish again what is in the log from a position on, where topics have lost it')
      .requiredOption('--from-position <n>', 'of the first record to be published again; 1: everything')
      .option('--check', 'only count: nothing is published again')
      .option('--json', 'as JSON'),
  )
    .addHelpText(
      'after',
      `
For topics that were deleted, or records that retention took before their group had heard them. Sagas ask again for what
they wait for; new orders that nobody has heard yet nobody asks for, and those need this. Relays may run: they begin
again at the position within seconds; those that do not run begin there when they start. What a group has handled
already comes once more and does nothing: each message says by its sequence where in its stream it stands.

Exit codes: 0 the relays begin there, 1 it could not be done; nothing was changed then.
${examples(
  'recourse topics republish --from-position 1 --check',
  'recourse topics republish --from-position 0000000000012345',
  'recourse topics republish --from-position 12345 --json',
)}`,
    )
    .action(async (options: Options) => {
      const max = Number.MAX_SAFE_INTEGER;
      const from = wholeNumber('--from-position', options.fromPosition, max, digitsMax);
      const said = await republish(options, environment, from);
      if (options.json === true) printJson(said);
      else for (const line of linesOf(said)) print(line);
    });

type Said = {
  readonly fromPosition: string;
  /** Whether relays begin there now. */
  readonly republishing: boolean;
  readonly records: number;
  readonly messages: number;
};

const republish = async (options: Options, environment: Environment, from: number): Promise<Said> => {
  const config = readConfig(flagsOf(options), environment);
  const [{ openGround }, { countBetween, placesOf, republishAfter }] = await Promise.all([
    import('../distributed/ground.ts'),
    import('@recourse/infra/relay/republish'),
  ]);
  const logger = createLogger({ level: config.logLevel, pretty: config.logFormat });
  const closing: Closing = [];
  const metrics = createMetrics();
  closing.push(metrics.close);
  const bar = progressBar('counting {value} of {total} | {eta_formatted} left', options.json === true);
  try {
    const { signal } = new AbortController();
    const ground = await openGround({ config, clock, logger, metrics, closing, signal, onFatal: () => {} });
    const { postgres, log } = ground;
    const { before, moved } =
      options.check === true
        ? { before: await placesOf(postgres, config.relayShards), moved: false }
        : await republishAfter(postgres, from - 1, config.relayShards);
    bar?.start(Math.max(...before), from - 1);
    const counted = await countBetween(log, from - 1, before, (position) => bar?.update(position));
    return { fromPosition: formatPosition(from), republishing: moved, ...counted };
  } finally {
    bar?.stop();
    await closeAll(closing);
  }
};

const linesOf = ({ fromPosition, republishing, records, messages }: Said): string[] => {
  const what = `${records} records with ${messages} messages, from position ${fromPosition} on`;
  if (republishing) return [`Published again: ${what}. What was handled already does nothing.`];
  if (records > 0) return [`To be published again: ${what}. Nothing was changed.`];
  return [`Nothing from position ${fromPosition} on has been published yet: nothing was changed.`];
};
