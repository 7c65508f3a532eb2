import type { Kafka, Producer, RecordMetadata } from 'kafkajs';
import type { Logger } from 'pino';
import { UnavailableError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import { metadataMsMax, retrySettings } from './client.ts';
import { describeKafkaError, isForPeople, kafkaCode } from './kafka-errors.ts';

/** One `send` of the publisher, until all its messages are acknowledged. */
export type Call = {
  left: number;
  readonly isStale: ((message: Message) => boolean) | undefined;
  done(): void;
  failed(error: Error): void;
};

/** A message on its way. */
export type Outgoing = {
  readonly topic: string;
  /** About how many it takes on the wire. */
  readonly bytes: number;
  readonly message: Message;
  readonly call: Call;
  readonly wire: {
    readonly key: string;
    readonly value: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly partition: number;
  };
};

const sendMessagesMax = 500;
const sendBytesMax = 900_000;
const retryMsMin = 100;
const retryMsMax = 2_000;
/** After what only a person can heal. */
const retryForPeopleMs = 5_000;
/** A send that is not acknowledged for so long is worth telling. */
const slowSendMs = 5_000;
const closeMsMax = 3_000;

type Lane = {
  readonly client: Pick<Kafka, 'producer'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when the publisher is closed. */
  readonly signal: AbortSignal;
};

/**
 * One producer at a time, with one send on its way. After a rejected send the producer is thrown away, because nobody
 * can say what it has sent, and the same messages go again over a new one, before any later ones.
 */
export const openLane = ({ client, clock, logger, signal }: Lane) => {
  let queue: Outgoing[] = [];
  let next = 0;
  let producer: Producer | undefined;
  let running: Promise<void> | undefined;
  let sendingSince: number | undefined;
  let problem: string | undefined;

  /** As much as one send takes of what waits. */
  const take = (): readonly Outgoing[] => {
    const from = next;
    let bytes = 0;
    while (next < queue.length && next - from < sendMessagesMax) {
      bytes += queue[next]!.bytes;
      if (bytes > sendBytesMax && next > from) break;
      next += 1;
    }
    const taken = queue.slice(from, next);
    if (next === queue.length) {
      queue = [];
      next = 0;
    } else if (next > 10_000) {
      queue = queue.slice(next);
      next = 0;
    }
    return taken;
  };

  const connected = async (): Promise<Producer> => {
    const made = client.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataMsMax,
      createPartitioner,
      retry: retrySettings,
    });
    try {
      await made.connect();
    } catch (error) {
      void made.disconnect().catch(() => {});
      throw error;
    }
    return made;
  };

  const attempt = async (batch: readonly Outgoing[]): Promise<void> => {
    producer ??= await connected();
    const topicMessages = byTopic(batch);
    checkAcknowledged(batch, await producer.sendBatch({ acks: -1, topicMessages }));
  };

  const discard = () => {
    const old = producer;
    producer = undefined;
    // It may hang: nobody waits for it.
    void old?.disconnect().catch(() => {});
  };

  /** True when all are acknowledged, or stale; false when the publisher was closed before. */
  const deliver = async (taken: readonly Outgoing[]): Promise<boolean> => {
    for (let failures = 0; !signal.aborted; failures += 1) {
      const batch = taken.filter(({ call, message }) => call.isStale?.(message) !== true);
      if (batch.length === 0) {
        // Nothing of it is ours to send any more: what kept it back is nothing to tell of either.
        problem = undefined;
        return true;
      }
      try {
        sendingSince = clock.monotonic();
        await attempt(batch);
        if (problem !== undefined) logger.info('the publisher goes on');
        problem = undefined;
        return true;
      } catch (error) {
        discard();
        if (signal.aborted) break;
        if (isTooLarge(error) && batch.length > 1) {
          const half = batch.length >> 1;
          return (await deliver(batch.slice(0, half))) && (await deliver(batch.slice(half)));
        }
        tell(error, batch);
        const delayMs = Math.min(retryMsMin * 2 ** Math.min(failures, 10), retryMsMax);
        await sleep(clock, isForPeople(error) ? retryForPeopleMs : delayMs, signal);
      } finally {
        sendingSince = undefined;
      }
    }
    return false;
  };

  const tell = (error: unknown, batch: readonly Outgoing[]) => {
    const { topic, message } = batch[0]!;
    const which =
      batch.length === 1 ? `${message.type} ${message.id} to ${topic}` : `${batch.length} messages`;
    const words = `Kafka does not take ${which}: ${describeKafkaError(error)}`;
    if (words !== problem) logger[isForPeople(error) ? 'error' : 'warn']({ err: error }, words);
    problem = words;
  };

  const run = async () => {
    while (next < queue.length) {
      const batch = take();
      const delivered = await deliver(batch);
      settle(batch, delivered ? undefined : new UnavailableError('the publisher is closed'));
    }
    running = undefined;
  };

  return {
    add: (message: Outgoing): void => {
      queue.push(message);
    },
    /** Sends what waits, unless something is on its way: then it goes next. */
    go: (): void => {
      if (next < queue.length) running ??= run();
    },
    /** What keeps it from sending now. */
    problem: (): string | undefined => {
      if (problem !== undefined) return problem;
      if (sendingSince === undefined || clock.monotonic() - sendingSince < slowSendMs) return undefined;
      return 'Kafka has not acknowledged what was sent: can its brokers be reached?';
    },
    close: async (): Promise<void> => {
      const ending = (async () => {
        await running;
        await producer?.disconnect();
      })();
      await Promise.race([ending.catch(() => {}), sleep(clock, closeMsMax)]);
    },
  };
};

/** Each message says where it goes. */
const createPartitioner = () => (args: { message: { partition?: number } }) => args.message.partition!;

const byTopic = (batch: readonly Outgoing[]) => {
  const topics = new Map<string, Outgoing['wire'][]>();
  for (const { topic, wire } of batch) {
    const messages = topics.get(topic);
    if (messages === undefined) topics.set(topic, [wire]);
    else messages.push(wire);
  }
  return Array.from(topics, ([topic, messages]) => ({ topic, messages }));
};

/**
 * The client library leaves a partition out, and says that all is well, where its leader moves between two attempts to a
 * broker that has answered already. So what is not in the answer was not sent.
 */
const checkAcknowledged = (batch: readonly Outgoing[], answers: readonly RecordMetadata[]): void => {
  const acknowledged = new Set(answers.map(({ topicName, partition }) => `${topicName}:${partition}`));
  const missing = batch.find(({ topic, wire }) => !acknowledged.has(`${topic}:${wire.partition}`));
  if (missing !== undefined)
    throw new Error(`${missing.topic}, partition ${missing.wire.partition}, was not acknowledged`);
};

const isTooLarge = (error: unknown) =>
  ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'].includes(kafkaCode(error) ?? '');

const settle = (batch: readonly Outgoing[], failure: Error | undefined): void => {
  for (const { call } of batch) {
    if (failure !== undefined) call.failed(failure);
    else {
      call.left -= 1;
      if (call.left === 0) call.done();
    }
  }
};
