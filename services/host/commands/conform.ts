import { Foreign } from '@recourse/contracts/answers';
import { commandData } from '@recourse/contracts/commands';
import { commandExamples } from '@recourse/contracts/examples';
import { StartError } from '@recourse/infra/errors';
import { foregroundClock as clock, systemIds as ids } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { Command } from 'commander';
import { type Config, type Environment, readConfig } from '../config.ts';
import { conform } from '../conform/conform.ts';
import { conformanceLines } from '../conform/lines.ts';
import { openTalk } from '../conform/talk.ts';
import { kafkaOf } from '../distributed/needs.ts';
import { print, printJson } from '../terminal.ts';
import { addSettingOptions, examples, flagsOf, invalidFlag, wholeNumber } from './options.ts';

type Options = Record<string, unknown> & {
  readonly prefix?: string;
  readonly data?: string;
  readonly within: string;
  readonly json?: true;
};

const withinSecondsMax = 600;

/** `recourse conform`: does somebody else's participant keep what it owes? */
export const conformCommand = (environment: Environment): Command =>
  addSettingOptions(
    new Command('conform')
      .description("Check that a participant that is somebody else's program keeps what it owes")
      .argument('<participant>', `one of ${Foreign.options.join(', ')}`)
      .option(
        '--prefix <text>',
        'the prefix of the topics that it reads (default: KAFKA_TOPIC_PREFIXconform.)',
      )
      .option('--data <json>', 'data that it accepts, by command: {"ShipOrder":{"country":"GB"}}')
      .option('--within <seconds>', 'the longest that an answer may take', '10')
      .option('--json', 'as JSON'),
  )
    .addHelpText(
      'after',
      `
It speaks with the participant over topics of a prefix of its own, which it makes where they are missing: run one there
for it. An installation's own prefix is refused: its ingest would hear answers that no saga has asked for.

Exit codes: 0 every promise was kept, 1 one was broken, or it could not be tried.
${examples('recourse conform shipping', 'recourse conform shipping --prefix try. --json', `recourse conform payment --data '{"ProcessPayment":{"amount":500,"currency":"EUR","paymentToken":"tok_1"}}'`)}`,
    )
    .action(async (name: string, options: Options) => {
      const config = readConfig(flagsOf(options), environment);
      const participant = Foreign.safeParse(name);
      if (!participant.success)
        throw invalidFlag('<participant>', name, `one of ${Foreign.options.join(', ')}`);
      const data = dataOf(options.data);
      const prefix = prefixOf(options.prefix, config);
      const talk = await openTalk({
        kafka: kafkaOf(config),
        prefix,
        participant: participant.data,
        partitions: config.kafkaPartitions,
        replicationFactor: config.kafkaReplicationFactor,
        answerMsMax: 1_000 * wholeNumber('--within', options.within, withinSecondsMax),
        unique: ids.next(),
        clock,
        // What a client of Kafka tells at its start is for who looks into it.
        logger: createLogger({
          level: config.logLevel === 'info' ? 'warn' : config.logLevel,
          pretty: config.logFormat,
        }),
      });
      const trying = {
        participant: participant.data,
        data,
        ids,
        clock,
        prefix,
        startMsMax: config.startWaitMsMax,
      };
      try {
        const result = await conform({ ...trying, talk });
        const kept = result.checks.every((it) => it.kept);
        if (options.json === true) printJson({ participant: trying.participant, prefix, kept, ...result });
        else for (const line of conformanceLines(trying.participant, result)) print(line);
        process.exitCode = kept ? 0 : 1;
      } finally {
        await talk.close();
      }
    });

const prefixOf = (given: string | undefined, { kafkaTopicPrefix: own }: Config): string => {
  const prefix = given ?? `${own}conform.`;
  if (prefix === own)
    throw new StartError(
      'own-prefix',
      `--prefix is ${JSON.stringify(prefix)}, as KAFKA_TOPIC_PREFIX is: these topics are an installation's own. Run the participant with another one for this, such as ${own}conform.`,
    );
  if (!/^[A-Za-z0-9._-]{0,100}$/.test(prefix))
    throw invalidFlag('--prefix', prefix, 'up to 100 letters, digits, dots, dashes and underscores');
  return prefix;
};

/** The examples, with what was given in their place. */
const dataOf = (text = '{}'): typeof commandExamples => {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw invalidFlag('--data', text, 'a JSON object');
  }
  if (typeof given !== 'object' || given === null) throw invalidFlag('--data', text, 'a JSON object');
  for (const [type, data] of Object.entries(given)) {
    const schema = commandData[type as keyof typeof commandData];
    if (schema === undefined) throw invalidFlag('--data', text, 'by names of commands');
    const read = schema.safeParse(data);
    if (!read.success) throw invalidFlag('--data', text, `data of ${type}: ${read.error.issues[0]?.message}`);
  }
  return { ...commandExamples, ...given };
};
