import { topics } from '@recourse/contracts/registry';
import type { Logger } from 'pino';
import { UnavailableError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';
import type { Clock } from '../ports/clock.ts';
import { type KafkaSettings, kafkaClient } from './client.ts';
import { encode } from './codec.ts';
import { partitionOf } from './partition.ts';
import { type Call, openLane } from './publisher-lane.ts';
import { learnPartitions } from './topic-partitions.ts';

/** Sends messages to Kafka. */
export type Publisher = {
  /**
   * Resolves when all are acknowledged by all in-sync replicas. What is given earlier is acknowledged before what is
   * given later with the same topic and key; nothing is left out, however long it takes, but a message may come more
   * than once. `isStale` is asked right before each attempt: a message for which it is true is sent no more, and is
   * nobody's loss. Rejects with `UnavailableError` only when the publisher is closed. Who gives more than can be sent
   * waits for the promise: what is given is held in memory.
   */
  send(messages: readonly Message[], isStale?: (message: Message) => boolean): Promise<void>;
  /** What keeps it from sending now, with what to do; empty while all goes well. */
  problems(): readonly string[];
  /** Waits a little for what is on its way; the rest is rejected. */
  close(): Promise<void>;
};

/** What a publisher is opened with. */
export type PublisherOptions = {
  readonly kafka: KafkaSettings;
  /** Stands before the name of every topic. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How many producers share the partitions; each has one send on its way. */
  readonly lanes?: number;
};

/** One send for all that waits is what costs least; more lanes pay where there are several brokers. */
const lanesDefault = 1;

/** A message's headers and its frame, about. */
const messageBytesMin = 800;

/**
 * A publisher on Kafka; it connects by itself, so it never fails to open. A partition belongs to
 * one lane for ever, and a lane sends one batch at a time: what waits meanwhile is the next. The number of partitions
 * of a topic is asked once: if somebody adds some, keys stay where they are until the next start, which refuses.
 */
export const openPublisher = ({
  kafka,
  prefix,
  clock,
  logger,
  lanes: laneCount = lanesDefault,
}: PublisherOptions): Publisher => {
  const client = kafkaClient(kafka, logger);
  const closing = new AbortController();
  const { signal } = closing;
  const lanes = Array.from({ length: laneCount }, () => openLane({ client, clock, logger, signal }));
  let partitions: ReadonlyMap<string, number> | undefined;
  /** What was given before the partitions were known; it goes first. */
  let early: { messages: readonly Message[]; call: Call }[] = [];

  const hand = (messages: readonly Message[], call: Call): void => {
    for (const message of messages) {
      const topic = prefix + message.topic;
      const { key, value, headers } = encode(message);
      const partition = partitionOf(key, partitions!.get(topic)!);
      const bytes = Buffer.byteLength(value) + messageBytesMin;
      const wire = { key, value, headers, partition };
      lanes[partition % laneCount]!.add({ topic, bytes, message, call, wire });
    }
    for (const lane of lanes) lane.go();
  };

  const asked = learnPartitions({
    kafka,
    topics: topics.map((topic) => prefix + topic),
    clock,
    logger,
    signal,
    onLearned: (learned) => {
      partitions = learned;
      for (const { messages, call } of early) hand(messages, call);
      early = [];
    },
  });

  let closed: Promise<void> | undefined;
  return {
    send: async (messages, isStale) => {
      if (signal.aborted) throw new UnavailableError(closedWords);
      if (messages.length === 0) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const call: Call = { left: messages.length, isStale, done: resolve, failed: reject };
      if (partitions === undefined) early.push({ messages, call });
      else hand(messages, call);
      await promise;
    },
    problems: () => [...new Set([asked.problem(), ...lanes.map((lane) => lane.problem())])].filter(isSaid),
    close: () => {
      closing.abort();
      for (const { call } of early) call.failed(new UnavailableError(closedWords));
      early = [];
      closed ??= Promise.all(lanes.map((lane) => lane.close())).then(() => {});
      return closed;
    },
  };
};

const closedWords = 'the publisher is closed';
const isSaid = (problem: string | undefined): problem is string => problem !== undefined;
