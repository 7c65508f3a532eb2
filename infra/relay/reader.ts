import { messagesOf } from '../broker/messages.ts';
import { UnknownVersionError } from '../errors.ts';
import { hashOf } from '../kafka/partition.ts';
import type { Message } from '../ports/broker.ts';
import type { EventLog, RecordedEvent } from '../ports/event-log.ts';
import type { batchesOnTheWay } from './batches.ts';
import type { Shard } from './shard.ts';

/** How many records are asked of the log at once. */
const batchRecordsMax = 500;
/** How many batches of one reader are between the log and the acknowledgement. */
const batchesMax = 4;

/** Every topic is published. */
const everything = { has: () => true };

type Reading = {
  readonly log: EventLog;
  /** Where it begins. */
  readonly after: number;
  readonly shardCount: number;
  readonly batches: ReturnType<typeof batchesOnTheWay>;
  /** A batch was read; it began after that position. */
  readonly onRead: (reader: Reader, before: number) => void;
  /** A record cannot be understood: nothing after it is read. */
  readonly onUnknown: (error: UnknownVersionError) => void;
};

/** Reads the log from one place on, for some shards. */
export type Reader = {
  /** Everything up to here has been read, and is on its way for its shards. */
  position(): number;
  shards(): readonly Shard[];
  /** Reads for one more, whose place is here or later: what lies up to its own place is not sent again. */
  add(shard: Shard): void;
  remove(shard: Shard): void;
  /** Reads no more. What is on its way goes on. */
  stop(): void;
};

/** Begins to read. What it has read goes on its way at once; it reads no more than `batchesMax` ahead of what is acknowledged. */
export const openReader = ({ log, after, shardCount, batches, onRead, onUnknown }: Reading): Reader => {
  /** By index; a new array with each change, because what is on its way keeps the one it was read for. */
  let shards: readonly (Shard | undefined)[] = new Array<undefined>(shardCount).fill(undefined);
  let position = after;
  let onTheWay = 0;
  let room: (() => void) | undefined;
  let halted = false;
  const stopped = Promise.withResolvers<void>();

  const onAcked = () => {
    onTheWay -= 1;
    room?.();
    room = undefined;
  };

  const onRecords = (records: readonly RecordedEvent[]): void | Promise<void> => {
    if (halted) return stopped.promise;
    const now = shards;
    const before = position;
    const shardOf = (key: string) => now[hashOf(key) % shardCount];
    const { messages, end, unknown } = read(records, position, shardOf);
    const live = now.filter((shard) => shard !== undefined);
    for (const shard of live) shard.place = Math.max(shard.place, end);
    position = end;
    onTheWay += 1;
    batches.send(messages, ({ key }) => shardOf(key)?.isLost() !== false, { end, shards: live, onAcked });
    if (unknown !== undefined) {
      halted = true;
      onUnknown(unknown);
    }
    onRead(reader, before);
    if (halted) return stopped.promise;
    if (onTheWay < batchesMax) return undefined;
    return new Promise((resolve) => {
      room = resolve;
    });
  };

  const reader: Reader = {
    position: () => position,
    shards: () => shards.filter((shard) => shard !== undefined),
    add: (shard) => {
      shards = shards.with(shard.index, shard);
    },
    remove: (shard) => {
      if (shards[shard.index] === shard) shards = shards.with(shard.index, undefined);
    },
    stop: () => {
      halted = true;
      room?.();
      stopped.resolve();
      void subscription.close();
    },
  };
  const subscription = log.follow(after, batchRecordsMax, onRecords);
  return reader;
};

/** The messages of records, for the shards that they are of, up to the first record that cannot be understood. */
const read = (
  records: readonly RecordedEvent[],
  after: number,
  shardOf: (key: string) => Shard | undefined,
): { messages: Message[]; end: number; unknown?: UnknownVersionError } => {
  const messages: Message[] = [];
  let end = after;
  for (const record of records) {
    const shard = shardOf(record.correlation);
    if (shard !== undefined && record.position > shard.place) {
      try {
        for (const message of messagesOf(record, everything))
          if (message !== undefined) messages.push(message);
      } catch (error) {
        if (error instanceof UnknownVersionError) return { messages, end, unknown: error };
        throw error;
      }
    }
    end = record.position;
  }
  return { messages, end };
};
