import type { Logger } from 'pino';
import { DamagedError, type UnknownVersionError } from '../errors.ts';
import type { Publisher } from '../kafka/publisher.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { Lease, Leased, Leases } from '../ports/leases.ts';
import type { Postgres } from '../postgres/connect.ts';
import { batchesOnTheWay } from './batches.ts';
import { checkpointSaver } from './checkpoint-saver.ts';
import { relayCheckpoints } from './checkpoints.ts';
import { openReader, type Reader } from './reader.ts';
import { type Shard, shardAt } from './shard.ts';

/** What a relay is opened with. */
export type RelayOptions = {
  readonly log: EventLog;
  readonly leases: Leases;
  /** Where checkpoints are. */
  readonly postgres: Postgres;
  readonly publisher: Pick<Publisher, 'send' | 'problems'>;
  /** Into how many shards all relays share the orders; the same for each. */
  readonly shards: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** It has met a record that it cannot understand, and publishes nothing after it. */
  readonly onFatal?: (error: UnknownVersionError) => void;
};

/** A relay at work. */
export type Relay = {
  /** The shards that are ours now. */
  held(): readonly string[];
  /** What keeps it from publishing now; empty while all goes well. */
  problems(): readonly string[];
  /** How many records of the log nobody has published yet, as far as is known. */
  lag(): Promise<number>;
  /** Ends what is on its way, writes checkpoints, gives its shards to the others. */
  close(): Promise<void>;
};

/** Shards that are got within so long are read for together. */
const gatherMs = 20;

/**
 * Publishes the log. The orders are shared in shards, by the hash of the key, among all relays that run. A shard's
 * checkpoint moves, under its lease, only over what is acknowledged: so everything is published at least once, for each
 * topic and key first in order; what a relay repeats that was paused, or that takes over, is known by `sequence`.
 */
export const openRelay = (options: RelayOptions): Relay => {
  const { log, leases, postgres, publisher, shards: shardCount, clock, logger } = options;
  const checkpoints = relayCheckpoints(postgres, shardCount);
  const held = new Map<number, Shard>();
  const readers = new Set<Reader>();
  let main: Reader | undefined;
  let arriving: Shard[] = [];
  let fatal: UnknownVersionError | undefined;
  /** By shard: why it cannot begin. */
  const ahead = new Map<number, Error>();
  const saver = checkpointSaver({ checkpoints, held, clock, logger, onLost: (shard) => leave(shard) });
  const batches = batchesOnTheWay(publisher.send, saver.moved);

  /** Who was behind and has caught up reads no longer alone. */
  const caughtUp = (reader: Reader) => {
    if (main === undefined || reader === main || reader.position() < main.position()) return;
    for (const shard of reader.shards()) {
      reader.remove(shard);
      main.add(shard);
    }
    end(reader);
  };

  const end = (reader: Reader) => {
    readers.delete(reader);
    reader.stop();
    if (reader !== main) return;
    main = [...readers].toSorted((a, b) => b.position() - a.position())[0];
  };

  const readFrom = (after: number): Reader => {
    const reader = openReader({
      log,
      after,
      shardCount,
      batches,
      onRead: caughtUp,
      onUnknown: (error) => {
        fatal ??= error;
        options.onFatal?.(error);
      },
    });
    readers.add(reader);
    main ??= reader;
    return reader;
  };

  /** Those that have come are read for by whoever has not passed them yet, or by a reader of their own. */
  const settle = () => {
    const come = arriving.filter((shard) => !shard.isLost()).toSorted((a, b) => a.place - b.place);
    arriving = [];
    for (const shard of come) {
      const before = [...readers].filter((reader) => reader.position() <= shard.place);
      const nearest = before.toSorted((a, b) => b.position() - a.position())[0];
      (nearest ?? readFrom(shard.place)).add(shard);
    }
  };

  const leave = (shard: Shard) => {
    arriving = arriving.filter((it) => it !== shard);
    for (const reader of [...readers]) {
      reader.remove(shard);
      if (reader.shards().length === 0) end(reader);
    }
  };

  const begin = async (lease: Lease): Promise<Leased> => {
    const index = Number(lease.piece);
    const [checkpoint, head] = await Promise.all([checkpoints.load(index), log.head()]);
    ahead.delete(index);
    if (checkpoint > head) {
      const error = aheadOfTheLog(index, checkpoint, head);
      ahead.set(index, error);
      throw error;
    }
    const shard = shardAt(index, lease, checkpoint);
    held.set(index, shard);
    lease.lost.addEventListener('abort', () => leave(shard), { once: true });
    if (arriving.length === 0) clock.after(gatherMs, settle);
    arriving.push(shard);
    logger.info({ shard: index, checkpoint, head, epoch: lease.epoch }, 'relay publishes a shard');
    return {
      close: async () => {
        leave(shard);
        await batches.drained(shard);
        await saver.save();
        if (held.get(index) === shard) held.delete(index);
      },
    };
  };

  const pieces = Array.from({ length: shardCount }, (_, index) => String(index));
  const competition = leases.compete(`relay-${shardCount}`, pieces, begin);

  return {
    held: competition.held,
    problems: () => [
      ...(fatal === undefined ? [] : [fatal.message]),
      ...Array.from(ahead.values(), ({ message }) => message),
      ...publisher.problems(),
      ...saver.problems(),
    ],
    lag: async () => {
      const [head, saved] = await Promise.all([log.head(), checkpoints.all()]);
      const places = pieces.map((_, index) => Math.max(held.get(index)?.ackedTo ?? 0, saved.get(index) ?? 0));
      return Math.max(0, head - Math.min(...places));
    },
    close: async () => {
      await competition.close();
      saver.close();
      for (const reader of [...readers]) end(reader);
    },
  };
};

const aheadOfTheLog = (shard: number, checkpoint: number, head: number): DamagedError =>
  new DamagedError(
    `shard ${shard} of the relay was published up to position ${checkpoint}, and the log ends at ${head}: ` +
      'it is another log, or it has lost its end',
  );
