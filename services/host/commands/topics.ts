import { judged, lookAtTopics, type TopicsReport } from '@recourse/infra/kafka/topics';
import { foregroundClock as clock } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { Command } from 'commander';
import { type Environment, readConfig } from '../config.ts';
import { kafkaOf } from '../distributed/needs.ts';
import { reached } from '../distributed/wait.ts';
import { colours, complain, print, printJson, tableLines } from '../terminal.ts';
import { addSettingOptions, examples, flagsOf } from './options.ts';
import { republishCommand } from './topics-republish.ts';

type Options = Record<string, unknown> & { readonly check?: true; readonly json?: true };

/** `recourse topics`: makes the topics that are missing in Kafka, looks at all of them, and has them filled again. */
export const topicsCommand = (environment: Environment): Command =>
  addSettingOptions(
    new Command('topics')
      .description('Make the topics in Kafka that are missing, and check all of them')
      .option('--check', 'make none')
      .option('--json', 'as JSON'),
  )
    .addCommand(republishCommand(environment))
    .addHelpText(
      'after',
      `
What is there is never changed. Where something is not as it has to be it says what, and how to put it right; what
could lose data is only warned of where DEVELOPMENT is true. It may be run again, and by several at once.

Exit codes: 0 all is well, 1 it is not.
${examples('recourse topics', 'recourse topics --check --json', 'KAFKA_BROKERS=127.0.0.1:9092 recourse topics --kafka-replication-factor 1 --development', 'recourse topics republish --from-position 1')}`,
    )
    .action(async (options: Options) => {
      const config = readConfig(flagsOf(options), environment);
      const kafka = kafkaOf(config);
      const logger = createLogger({ level: config.logLevel, pretty: config.logFormat });
      const waiting = {
        what: `Kafka at ${kafka.brokers.join(', ')}`,
        variable: 'KAFKA_BROKERS',
        waitMsMax: config.startWaitMsMax,
        clock,
        logger,
      };
      const report = await reached(waiting, () =>
        lookAtTopics({
          kafka,
          prefix: config.kafkaTopicPrefix,
          partitions: config.kafkaPartitions,
          replicationFactor: config.kafkaReplicationFactor,
          create: options.check !== true,
          logger,
        }),
      );
      const { refused, warned } = judged(report.findings, config.development);
      if (options.json === true) printJson(asJson(report, refused.length === 0));
      else {
        for (const line of topicLines(report)) print(line);
        for (const line of warned) complain(colours.yellow(`This could lose data: ${line}`));
        for (const line of refused) complain(colours.red(`Not as it has to be: ${line}`));
      }
      if (refused.length > 0) process.exitCode = 1;
    });

const asJson = ({ topics, findings }: TopicsReport, ok: boolean) => ({
  ok,
  topics: topics.map((topic) => ({ ...topic, settings: Object.fromEntries(topic.settings) })),
  findings,
});

const dayMs = 86_400_000;

const topicLines = ({ topics }: TopicsReport): string[] => {
  const rows = topics
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, partitions, replicationFactor, settings, created }) => [
      name,
      String(partitions),
      String(replicationFactor),
      settings.get('min.insync.replicas') ?? '?',
      retentionText(Number(settings.get('retention.ms'))),
      created ? { text: 'made', paint: colours.green } : 'there',
    ]);
  return rows.length === 0
    ? []
    : tableLines([['topic', 'partitions', 'copies', 'in sync', 'kept', ''], ...rows], [1, 2, 3]);
};

const retentionText = (ms: number): string =>
  ms < 0 ? 'for ever' : `${Math.round((ms / dayMs) * 10) / 10} days`;
