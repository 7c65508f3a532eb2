import { topics } from '@recourse/contracts/registry';
import kafkajs, { type Admin } from 'kafkajs';
import type { Logger } from 'pino';
import { StartError, UnavailableError } from '../errors.ts';
import { sleep } from '../ports/clock.ts';
import { systemClock } from '../system.ts';
import { type KafkaSettings, kafkaClient } from './client.ts';
import { describeKafkaError, isOfCertificate, kafkaCode } from './kafka-errors.ts';
import {
  findingsOf,
  missingTopic,
  settingsLookedAt,
  type TopicFinding,
  type TopicNow,
  type TopicsWanted,
  topicSettings,
} from './topic-findings.ts';
import { briefRetry } from './topic-partitions.ts';

/** Which topics, and how they are reached. */
export type TopicsOptions = TopicsWanted & {
  readonly kafka: KafkaSettings;
  /** Stands before the name of every topic. */
  readonly prefix: string;
  readonly logger: Logger;
};

/** How all our topics stand. */
export type TopicsReport = {
  readonly topics: readonly (TopicNow & { readonly created: boolean })[];
  readonly findings: readonly TopicFinding[];
};

/** Where what cannot be read of a topic is kept whole. */
export const deadLetterTopic = <T extends string>(topic: T): `${T}.dlq` => `${topic}.dlq`;

/** Every topic of an installation, by its name in Kafka. */
export const topicNames = (prefix: string): readonly string[] =>
  topics.flatMap((topic) => [prefix + topic, prefix + deadLetterTopic(topic)]);

const createMsMax = 30_000;
const looksMax = 200;
const lookAgainMs = 100;

/**
 * Looks at all topics, after making those that are not there where `create` says so; what is there is never changed.
 * Several may do so at once. Rejects with `UnavailableError` where Kafka cannot be reached, and with `StartError`
 * where it refuses us.
 */
export const lookAtTopics = (options: TopicsOptions & { readonly create?: boolean }): Promise<TopicsReport> =>
  withAdmin(options, async (admin) => {
    const names = topicNames(options.prefix);
    const there = await topicsThere(admin, names);
    const missing = names.filter((name) => !there.has(name));
    if (options.create !== true || missing.length === 0) return reportOf(names, there, [], options);
    await createTopics(admin, missing, options);
    return reportOf(names, await allThere(admin, names), missing, options);
  });

/**
 * Refuses to go on where topics are missing, have another number of partitions, or would lose data: rejects with
 * `StartError` `kafka-settings` that names every finding. `development`: what could lose data is only warned of.
 * Otherwise as `lookAtTopics`.
 */
export const checkTopics = async (
  options: TopicsOptions & { readonly development: boolean; readonly create?: boolean },
): Promise<void> => {
  const { findings } = await lookAtTopics(options);
  const { refused, warned } = judged(findings, options.development);
  for (const line of warned) options.logger.warn(`Kafka could lose data: ${line}`);
  if (refused.length > 0)
    throw new StartError(
      'kafka-settings',
      [
        'The topics in Kafka are not as they have to be:',
        ...refused,
        ...(findings.every(({ severity }) => severity === 'loss')
          ? ['For development, where that does no harm: DEVELOPMENT=true (--development).']
          : []),
      ].join('\n'),
    );
};

/**
 * What each process does with topics at its start: `checkTopics`, and where it is development what is missing is made
 * first, so that nothing else has to be run.
 */
export const prepareTopics = (options: TopicsOptions & { readonly development: boolean }): Promise<void> =>
  checkTopics({ ...options, create: options.development });

/** Findings as lines for people: those that nobody may go on with, and those that are only warned of. */
export const judged = (
  findings: readonly TopicFinding[],
  development: boolean,
): { readonly refused: readonly string[]; readonly warned: readonly string[] } => {
  const isWarned = ({ severity }: TopicFinding) => development && severity === 'loss';
  return {
    refused: linesOf(findings.filter((it) => !isWarned(it))),
    warned: linesOf(findings.filter(isWarned)),
  };
};

/** One line for each thing that is wrong, with the topics of which it is true. */
const linesOf = (findings: readonly TopicFinding[]): readonly string[] => {
  const topicsOf = new Map<string, string[]>();
  for (const { topic, about, words } of findings) {
    const what = `${about}: ${words}`;
    topicsOf.set(what, [...(topicsOf.get(what) ?? []), topic]);
  }
  return Array.from(topicsOf, ([what, names]) => `${what} (${someOf(names)})`);
};

const namesMax = 4;

const someOf = (names: readonly string[]): string => {
  const more = names.length - namesMax;
  return more > 0 ? `${names.slice(0, namesMax).join(', ')} and ${more} more` : names.join(', ');
};

const reportOf = (
  names: readonly string[],
  there: ReadonlyMap<string, TopicNow>,
  created: readonly string[],
  wanted: TopicsWanted,
): TopicsReport => ({
  topics: [...there.values()].map((topic) => ({ ...topic, created: created.includes(topic.name) })),
  findings: names.flatMap((name) => {
    const now = there.get(name);
    return now === undefined ? [missingTopic(name)] : findingsOf(now, wanted);
  }),
});

const topicsThere = async (
  admin: Admin,
  names: readonly string[],
): Promise<ReadonlyMap<string, TopicNow>> => {
  const all = new Set(await admin.listTopics());
  const found = names.filter((name) => all.has(name));
  if (found.length === 0) return new Map();
  const { topics: metadata } = await admin.fetchTopicMetadata({ topics: found });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: found.map((name) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name,
      configNames: [...settingsLookedAt],
    })),
  });
  const settingsOf = new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  );
  return new Map(
    metadata.map(({ name, partitions }) => {
      const replicationFactor = Math.min(...partitions.map(({ replicas }) => replicas.length));
      const settings = settingsOf.get(name) ?? new Map<string, string>();
      return [name, { name, partitions: partitions.length, replicationFactor, settings }];
    }),
  );
};

/** New topics are known to all brokers before long: until then some say that there are none. */
const allThere = async (admin: Admin, names: readonly string[]): Promise<ReadonlyMap<string, TopicNow>> => {
  for (let looks = 1; ; looks += 1) {
    try {
      const there = await topicsThere(admin, names);
      const known = [...there.values()].every(({ partitions }) => partitions > 0);
      if ((there.size === names.length && known) || looks === looksMax) return there;
    } catch (error) {
      if (kafkaCode(error) !== 'UNKNOWN_TOPIC_OR_PARTITION' || looks === looksMax) throw error;
    }
    await sleep(systemClock, lookAgainMs);
  }
};

const createTopics = async (admin: Admin, missing: readonly string[], options: TopicsOptions) => {
  const { partitions: numPartitions, replicationFactor } = options;
  const configEntries = Object.entries(topicSettings(replicationFactor)).map(([name, value]) => ({
    name,
    value,
  }));
  await admin.createTopics({
    timeout: createMsMax,
    waitForLeaders: false,
    topics: missing.map((topic) => ({ topic, numPartitions, replicationFactor, configEntries })),
  });
};

const withAdmin = async <T>(
  { kafka, logger, replicationFactor }: TopicsOptions,
  run: (admin: Admin) => Promise<T>,
): Promise<T> => {
  const admin = kafkaClient(kafka, logger, briefRetry).admin({ retry: briefRetry });
  try {
    await admin.connect();
    return await run(admin);
  } catch (error) {
    throw asOurs(error, replicationFactor);
  } finally {
    // It may hang: nobody waits for it.
    void admin.disconnect().catch(() => {});
  }
};

const asOurs = (error: unknown, replicationFactor: number): Error => {
  const first = error instanceof Error && 'errors' in error ? (error.errors as unknown[])[0] : error;
  const code = kafkaCode(first) ?? '';
  const words = describeKafkaError(first);
  if (code === 'INVALID_REPLICATION_FACTOR')
    return new StartError(
      'kafka-settings',
      `KAFKA_REPLICATION_FACTOR is ${replicationFactor}, and Kafka has fewer brokers. Start more, or, for development, ` +
        'set KAFKA_REPLICATION_FACTOR=1 and DEVELOPMENT=true.',
    );
  if (isOfCertificate(first))
    return new StartError('kafka-refused', `Kafka does not prove who it is: ${words}.`);
  if (/AUTH/.test(code)) return new StartError('kafka-refused', `Kafka refuses us: ${words}.`);
  if (/^(INVALID_|POLICY_|UNSUPPORTED_)/.test(code))
    return new StartError('kafka-settings', `Kafka does not make our topics: ${words}.`);
  return new UnavailableError(words, { cause: error });
};
