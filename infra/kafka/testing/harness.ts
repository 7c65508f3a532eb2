import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Topic, topics } from '@recourse/contracts/registry';
import { type Admin, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs';
import type { BrokerHarness, BrokerSettings } from '../../../test/contract/broker-fixture.ts';
import { type FreshDatabase, freshPrefix, silent, stack } from '../../../test/stack/kit.ts';
import { messagesOf } from '../../broker/messages.ts';
import { openSqliteLog } from '../../log/sqlite-log.ts';
import { sleep } from '../../ports/clock.ts';
import type { EventLog, Subscription } from '../../ports/event-log.ts';
import { systemClock } from '../../system.ts';
import { type KafkaBroker, type KafkaBrokerOptions, openKafkaBroker } from '../broker.ts';
import type { KafkaSettings } from '../client.ts';
import { encode } from '../codec.ts';

/** How tests reach the stack's Kafka. */
export const kafkaSettings: KafkaSettings = { brokers: stack.kafkaBrokers, clientId: 'test' };

/** A plain client of the stack's Kafka, with what the tests of one file share. */
export const openKafkaKit = async () => {
  const kafka = new Kafka({ brokers: stack.kafkaBrokers, clientId: 'test', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  return {
    kafka,
    admin,
    /** A producer for the topics of one test: it works no more once a topic that it has used is gone. */
    producer: async (): Promise<Producer> => {
      const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      return producer;
    },
    close: (): Promise<void> => admin.disconnect(),
  };
};
export type KafkaKit = Awaited<ReturnType<typeof openKafkaKit>>;

/** Makes topics under a prefix of their own, each with that of its poison. */
export const makeTopics = async (
  admin: Admin,
  names: readonly Topic[],
  { partitions = 3, prefix = freshPrefix() } = {},
): Promise<string> => {
  const all = names.flatMap((name) => [name, `${name}.dlq`]);
  await admin.createTopics({
    waitForLeaders: false,
    topics: all.map((name) => ({ topic: prefix + name, numPartitions: partitions, replicationFactor: 1 })),
  });
  await leaders(
    admin,
    all.map((name) => prefix + name),
  );
  return prefix;
};

/** Waits until topics that were just made can be used; the library's own wait fails where they are not known yet. */
const leaders = async (admin: Admin, names: string[]): Promise<void> => {
  for (let tries = 0; ; tries += 1) {
    try {
      await Promise.all(names.map((name) => admin.fetchTopicOffsets(name)));
      return;
    } catch (error) {
      if (tries > 200) throw error;
      await sleep(systemClock, 20);
    }
  }
};

/** Removes all topics of a prefix. */
export const dropTopics = async (admin: Admin, prefix: string): Promise<void> => {
  const found = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
  if (found.length > 0) await admin.deleteTopics({ topics: found });
};

/** Publishes a log: every message of every record, in order. */
export const relayOf = (log: EventLog, producer: Producer, prefix: string): Subscription => {
  const wanted = new Set(topics);
  return log.follow(0, 500, async (records) => {
    const messages = records.flatMap((record) => messagesOf(record, wanted)).filter((it) => it !== undefined);
    const byTopic = Map.groupBy(messages, ({ topic }) => topic);
    if (messages.length === 0) return;
    await producer.sendBatch({
      acks: -1,
      topicMessages: [...byTopic].map(([topic, of]) => ({ topic: prefix + topic, messages: of.map(encode) })),
    });
  });
};

/** Settings under which tests do not wait. */
export const quick = { checkpointEveryMs: 20, shutdownMsMax: 3_000 } as const;

/** A harness that also says under which prefix its topics are. */
export type KafkaHarness = Omit<BrokerHarness, 'open'> & {
  readonly prefix: string;
  open(settings: BrokerSettings): Promise<KafkaBroker>;
};

/** A harness of the broker's contract: a log, its relay, and brokers that read what it publishes. */
export const kafkaHarness = async (
  kit: KafkaKit,
  { postgres }: FreshDatabase,
  names: readonly Topic[],
  more: Partial<KafkaBrokerOptions> = {},
): Promise<
  BrokerHarness & { readonly prefix: string; open(settings: BrokerSettings): Promise<KafkaBroker> }
> => {
  const folder = await mkdtemp(join(tmpdir(), 'recourse-kafka-'));
  const log = openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock });
  const prefix = await makeTopics(kit.admin, names);
  const producer = await kit.producer();
  const relay = relayOf(log, producer, prefix);
  return {
    log,
    prefix,
    open: (settings) =>
      openKafkaBroker({
        kafka: kafkaSettings,
        prefix,
        postgres,
        clock: systemClock,
        logger: silent,
        ...quick,
        ...settings,
        ...more,
      }),
    end: async () => {
      await relay.close();
      await producer.disconnect();
      await log.close();
      await rm(folder, { recursive: true, force: true });
      await dropTopics(kit.admin, prefix);
      await postgres.query('truncate partition_claim, topic_partitions, parked, discarded, decision, poison');
    },
  };
};
