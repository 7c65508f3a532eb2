import type { Foreign } from '@recourse/contracts/answers';
import type { CommandId, OrderId } from '@recourse/contracts/ids';
import { StartError } from '@recourse/infra/errors';
import { type KafkaSettings, kafkaClient } from '@recourse/infra/kafka/client';
import { encode } from '@recourse/infra/kafka/codec';
import { describeKafkaError, kafkaCode } from '@recourse/infra/kafka/kafka-errors';
import { partitionOf } from '@recourse/infra/kafka/partition';
import type { CommandMessage } from '@recourse/infra/ports/broker';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import kafkajs, { type Admin, type Consumer, type Kafka, type KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';

/** A command to be sent; its type may be one that nobody knows. */
export type Asked = {
  readonly orderId: OrderId;
  readonly id: CommandId;
  readonly type: string;
  readonly data: unknown;
};

/** An answer as it came. */
export type Heard = {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed; the text where it is no JSON. */
  readonly data: unknown;
  /** When it came, on the clock's monotonic scale. */
  readonly atMs: number;
};

/** A conversation with a participant over its two topics. */
export type Talk = {
  /** Sends commands, all in one send, in this order. Resolves when they are acknowledged. */
  ask(...commands: readonly Asked[]): Promise<void>;
  /** The n-th answer that names the command, from 1; undefined where it does not come in time. */
  answer(id: CommandId, nth?: number): Promise<Heard | undefined>;
  /** All that was heard so far, in the order in which it came. */
  heard(): readonly Heard[];
  /** When a command was sent last, on the clock's monotonic scale. */
  askedAt(id: CommandId): number | undefined;
  close(): Promise<void>;
};

/** What a conversation is opened with. */
export type TalkOptions = {
  readonly kafka: KafkaSettings;
  /** Stands before the names of both topics; never that of an installation. */
  readonly prefix: string;
  readonly participant: Foreign;
  /** Of topics that are not there yet. */
  readonly partitions: number;
  readonly replicationFactor: number;
  /** How long an answer is waited for. */
  readonly answerMsMax: number;
  /** Names the consumer group, which is gone afterwards. */
  readonly unique: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * Opens a conversation: makes the topics where they are missing, and hears every answer from now on. Rejects with
 * `StartError` `kafka-not-reached` where that cannot be done.
 */
export const openTalk = async (options: TalkOptions): Promise<Talk> => {
  const { kafka, prefix, participant, clock, logger } = options;
  const client = kafkaClient(kafka, logger, briefRetry);
  const topics = { commands: `${prefix}${participant}.commands`, replies: `${prefix}${participant}.replies` };
  const groupId = `${prefix}conform-${options.unique}`;
  const admin = client.admin();
  const createPartitioner = kafkajs.Partitioners.DefaultPartitioner;
  const producer = client.producer({ allowAutoTopicCreation: false, createPartitioner });
  const ear = listener(clock, options.answerMsMax);
  const asked = new Map<CommandId, number>();
  let consumer: Consumer | undefined;
  const close = async () => {
    const left = Promise.allSettled([producer.disconnect(), consumer?.disconnect()])
      .then(() => admin.deleteGroups([groupId]))
      .catch(() => {})
      .then(() => admin.disconnect());
    await inTime(clock, left);
  };
  try {
    await admin.connect();
    await makeMissing(admin, Object.values(topics), options);
    const { length } = await endsOf(admin, topics.commands, clock);
    const ends = await endsOf(admin, topics.replies, clock);
    consumer = await consume(client, groupId, topics.replies, ends, ear.hear);
    await producer.connect();
    return {
      ...ear,
      askedAt: (id) => asked.get(id),
      close,
      ask: async (...commands) => {
        const messages = commands.map((it) => {
          const wire = encode(messageOf(it, participant, clock.now()));
          return { ...wire, headers: { ...wire.headers }, partition: partitionOf(wire.key, length) };
        });
        for (const { id } of commands) asked.set(id, clock.monotonic());
        await producer.send({ topic: topics.commands, acks: -1, messages });
      },
    };
  } catch (error) {
    await close();
    throw new StartError(
      'kafka-not-reached',
      `Kafka at ${kafka.brokers.join(', ')} does not let us speak with ${participant}: ${describeKafkaError(error)}`,
    );
  }
};

const closeMsMax = 5_000;

/** A disconnect may hang: it is waited for no longer than that. */
const inTime = async (clock: Clock, closing: Promise<unknown>): Promise<void> => {
  const over = new AbortController();
  await Promise.race([closing, sleep(clock, closeMsMax, over.signal)]);
  over.abort();
};

const briefRetry = { initialRetryTime: 100, maxRetryTime: 500, retries: 5 };

const makeMissing = async (
  admin: Admin,
  topics: readonly string[],
  { partitions: numPartitions, replicationFactor }: TalkOptions,
): Promise<void> => {
  const there = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !there.has(topic));
  if (missing.length === 0) return;
  await admin.createTopics({
    waitForLeaders: false,
    topics: missing.map((topic) => ({ topic, numPartitions, replicationFactor })),
  });
};

type Ends = Awaited<ReturnType<Admin['fetchTopicOffsets']>>;

/** What is said of a topic that was just made, whatever its maker was told. */
const notYet: ReadonlySet<string | undefined> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
]);
const looksMax = 50;
const lookAgainMs = 200;

/** Where the partitions of a topic end now; waits for one that was just made. */
export const endsOf = async (admin: Admin, topic: string, clock: Clock): Promise<Ends> => {
  for (let looks = 1; ; looks += 1) {
    try {
      return await admin.fetchTopicOffsets(topic);
    } catch (error) {
      if (looks === looksMax || !notYet.has(kafkaCode(error))) throw error;
      await sleep(clock, lookAgainMs);
    }
  }
};

/** Consumes from where the topic ends now: what others were answered before is not ours. */
const consume = async (
  client: Kafka,
  groupId: string,
  topic: string,
  ends: Ends,
  hear: (message: KafkaMessage) => void,
): Promise<Consumer> => {
  const endOf = new Map(ends.map(({ partition, high }) => [partition, BigInt(high)]));
  const consumer = client.consumer({ groupId, sessionTimeout: 10_000, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      if (BigInt(message.offset) >= (endOf.get(partition) ?? 0n)) hear(message);
    },
  });
  for (const { partition, high: offset } of ends) consumer.seek({ topic, partition, offset });
  return consumer;
};

/** Collects answers, and tells who waits for one. */
const listener = (clock: Clock, answerMsMax: number) => {
  const heard: Heard[] = [];
  const byCommand = new Map<string, Heard[]>();
  const waiting = new Set<() => void>();

  const hear = (message: KafkaMessage): void => {
    const it = heardOf(message, clock.monotonic());
    heard.push(it);
    const id = commandIdOf(it);
    if (id !== undefined) byCommand.set(id, [...(byCommand.get(id) ?? []), it]);
    for (const look of waiting) look();
  };

  const answer = async (id: CommandId, nth = 1): Promise<Heard | undefined> => {
    const there = () => byCommand.get(id)?.[nth - 1];
    const arrived = new AbortController();
    const look = () => {
      if (there() !== undefined) arrived.abort();
    };
    waiting.add(look);
    look();
    await sleep(clock, answerMsMax, arrived.signal);
    waiting.delete(look);
    return there();
  };

  return { hear, answer, heard: () => heard };
};

/** The command that an answer names, if it names one. */
export const commandIdOf = ({ data }: Heard): string | undefined => {
  const { commandId } = (data ?? {}) as { readonly commandId?: unknown };
  return typeof commandId === 'string' ? commandId : undefined;
};

const heardOf = ({ key, value, headers }: KafkaMessage, atMs: number): Heard => {
  const text = value?.toString() ?? '';
  let data: unknown = text;
  try {
    data = JSON.parse(text);
  } catch {
    // It stays the text that it is; no schema takes that.
  }
  return {
    key: key?.toString() ?? '',
    headers: Object.fromEntries(
      Object.entries(headers ?? {}).map(([name, header]) => [name.toLowerCase(), String(header)]),
    ),
    data,
    atMs,
  };
};

/** The command as a saga's step would have issued it. */
const messageOf = ({ orderId, id, type, data }: Asked, participant: Foreign, time: number): CommandMessage =>
  ({
    kind: 'command',
    topic: `${participant}.commands`,
    type,
    id,
    data,
    key: orderId,
    version: 1,
    stream: `saga-${orderId}`,
    revision: 0,
    position: 0,
    time,
    correlation: orderId,
    causation: orderId,
  }) as unknown as CommandMessage;
