import type { UnknownVersionError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { batchesOnTheWay } from './batches.ts';
import { openReader, type Reader } from './reader.ts';
import type { Shard } from './shard.ts';

/** Shards that are got within so long are read for together. */
const gatherMs = 20;
/** A shard that is further ahead of a reader does not wait for it. */
const joinRecordsMax = 5_000;

type Reading = {
  readonly log: EventLog;
  readonly shardCount: number;
  readonly batches: ReturnType<typeof batchesOnTheWay>;
  readonly clock: Clock;
  /** A record cannot be understood: its reader reads nothing after it. */
  readonly onUnknown: (error: UnknownVersionError) => void;
};

/**
 * Who reads the log for which shards: one reader for all that are near each other, and one more for what lies behind,
 * until it has caught up.
 */
export const shardReaders = ({ log, shardCount, batches, clock, onUnknown }: Reading) => {
  const readers = new Set<Reader>();
  let arriving: Shard[] = [];

  const end = (reader: Reader) => {
    readers.delete(reader);
    reader.stop();
  };

  /** Who has caught up with another reads no longer alone. */
  const onRead = (reader: Reader, before: number) => {
    const reached = [...readers].find(
      (it) => it !== reader && before <= it.position() && it.position() <= reader.position(),
    );
    if (reached === undefined) return;
    for (const shard of reader.shards()) {
      reader.remove(shard);
      reached.add(shard);
    }
    end(reader);
  };

  const readFrom = (after: number): Reader => {
    const reader = openReader({ log, after, shardCount, batches, onRead, onUnknown });
    readers.add(reader);
    return reader;
  };

  /** Those that have come are read for by who is about to come by their places, or by a reader of their own. */
  const settle = () => {
    const come = arriving.filter((shard) => !shard.isLost()).toSorted((a, b) => a.place - b.place);
    arriving = [];
    for (const shard of come) {
      const near = [...readers].find((it) => {
        const away = shard.place - it.position();
        return away >= 0 && away <= joinRecordsMax;
      });
      (near ?? readFrom(shard.place)).add(shard);
    }
  };

  return {
    /** Reads for one more, from its place on. */
    add: (shard: Shard): void => {
      if (arriving.length === 0) clock.after(gatherMs, settle);
      arriving.push(shard);
    },
    /** Reads for it no more. What is on its way goes on. */
    leave: (shard: Shard): void => {
      arriving = arriving.filter((it) => it !== shard);
      for (const reader of [...readers]) {
        reader.remove(shard);
        if (reader.shards().length === 0) end(reader);
      }
    },
    stop: (): void => {
      for (const reader of [...readers]) end(reader);
    },
  };
};
