import type { Topic } from '@recourse/contracts/registry';
import { AssignerProtocol, type EachBatchPayload } from 'kafkajs';
import type { Logger } from 'pino';
import { type Clock, within } from '../ports/clock.ts';
import { samePartitionAssigner } from './assigner.ts';
import { type KafkaSettings, kafkaClient, metadataMsMax, retrySettings } from './client.ts';
import type { Done } from './tracks.ts';

/** The partitions that are a member's, by topic (its name without the prefix). */
export type Partitions = ReadonlyMap<Topic, readonly number[]>;

/** What a member of a consumer group is made with. */
export type MemberOptions = {
  readonly kafka: KafkaSettings;
  readonly prefix: string;
  readonly group: string;
  readonly topics: readonly Topic[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** It has joined: these partitions are its own, until `onRebalancing` or the next `onJoined`. */
  readonly onJoined: (memberId: string, partitions: Partitions) => void;
  readonly onRebalancing: () => void;
  /** The group's coordinator has answered. */
  readonly onHeard: () => void;
  /** It is dead: another has to be made. */
  readonly onCrashed: (error: Error) => void;
  /** A batch without messages for us, up to this offset. */
  readonly onEmpty: (topic: Topic, partition: number, lastOffset: number) => void;
  readonly onBatch: (payload: EachBatchPayload) => Promise<void>;
};

/** A consumer that dies without leaving holds its partitions until its session is over: so sessions are short. */
const sessionMsMax = 6_000;
const heartbeatEveryMs = 1_500;
const rebalanceMsMax = 10_000;
const fetchWaitMsMax = 250;
const partitionBytesMax = 256 * 1024;
/** How many partitions are taken from at once: taking waits for nothing but room. */
const partitionsAtOnce = 4;

/** One member of a consumer group, by kafkajs, until it crashes or leaves. Its offsets move by `commit` alone. */
export const openMember = (options: MemberOptions) => {
  const { prefix, group, topics, clock } = options;
  const nameless = (name: string) => name.slice(prefix.length) as Topic;
  let memberId = '';
  let partitions: Partitions = new Map();

  const consumer = kafkaClient(options.kafka, options.logger).consumer({
    groupId: prefix + group,
    partitionAssigners: [samePartitionAssigner],
    sessionTimeout: sessionMsMax,
    heartbeatInterval: heartbeatEveryMs,
    rebalanceTimeout: rebalanceMsMax,
    maxWaitTimeInMs: fetchWaitMsMax,
    maxBytesPerPartition: partitionBytesMax,
    metadataMaxAge: metadataMsMax,
    allowAutoTopicCreation: false,
    retry: { ...retrySettings, restartOnFailure: async () => false },
  });
  const { GROUP_JOIN, REBALANCING, HEARTBEAT, CRASH, END_BATCH_PROCESS } = consumer.events;
  consumer.on(GROUP_JOIN, ({ payload }) => {
    memberId = payload.memberId;
    partitions = new Map(
      Object.entries(payload.memberAssignment).map(([name, numbers]) => [nameless(name), numbers]),
    );
    options.onJoined(memberId, partitions);
  });
  consumer.on(REBALANCING, () => options.onRebalancing());
  consumer.on(HEARTBEAT, () => options.onHeard());
  consumer.on(CRASH, ({ payload }) => options.onCrashed(payload.error));
  consumer.on(END_BATCH_PROCESS, ({ payload }) => {
    // What holds nothing but markers of transactions never reaches a handler.
    if (payload.batchSize === 0)
      options.onEmpty(nameless(payload.topic), payload.partition, Number(payload.lastOffset));
  });

  const start = async () => {
    await consumer.connect();
    await consumer.subscribe({ topics: topics.map((topic) => prefix + topic), fromBeginning: true });
    await consumer.run({
      eachBatchAutoResolve: false,
      autoCommit: false,
      partitionsConsumedConcurrently: partitionsAtOnce,
      eachBatch: options.onBatch,
    });
  };
  const started = start().catch(options.onCrashed);

  return {
    /** Whether the coordinator says that its last assignment is its own still. */
    isOurs: async (): Promise<boolean> => {
      const { state, members } = await consumer.describeGroup();
      const me = members.find((member) => member.memberId === memberId);
      if (state !== 'Stable' || me === undefined) return false;
      const { assignment } = AssignerProtocol.MemberAssignment.decode(me.memberAssignment) ?? {};
      const theirs = Object.entries(assignment ?? {});
      return (
        theirs.length === partitions.size &&
        theirs.every(([name, numbers]) => isSameSet(numbers, partitions.get(nameless(name))))
      );
    },
    commit: (offsets: readonly Done[]): Promise<void> =>
      consumer.commitOffsets(
        offsets.map(({ topic, partition, offset }) => ({
          topic: prefix + topic,
          partition,
          offset: String(offset),
        })),
      ),
    /** Reads on from an offset. */
    seek: (topic: Topic, partition: number, offset: number): void =>
      consumer.seek({ topic: prefix + topic, partition, offset: String(offset) }),
    /** Leaves the group, so that the others need not wait for its session to end. Never rejects; never called by a handler. */
    leave: async (msMax: number): Promise<void> => {
      const end = clock.monotonic() + msMax;
      // One that leaves while it joins would join after it has left.
      await within(clock, msMax, started);
      const left = Math.max(1, end - clock.monotonic());
      await within(clock, left, consumer.disconnect()).catch(() => {});
    },
  };
};

/** A member of a consumer group. */
export type Member = ReturnType<typeof openMember>;

const isSameSet = (one: readonly number[], other: readonly number[] | undefined): boolean =>
  other !== undefined && one.length === other.length && one.every((it) => other.includes(it));
