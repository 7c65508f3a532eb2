import type { Logger } from 'pino';
import { DamagedError, UnavailableError, type UnknownVersionError } from '../errors.ts';
import type { Publisher } from '../kafka/publisher.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { Lease, Leased, Leases } from '../ports/leases.ts';
import type { Postgres } from '../postgres/connect.ts';
import { batchesOnTheWay } from './batches.ts';
import { checkpointSaver } from './checkpoint-saver.ts';
import { relayCheckpoints } from './checkpoints.ts';
import { watchSending } from './cut-off.ts';
import { shardReaders } from './readers.ts';
import { type Shard, shardAt } from './shard.ts';

/** A shard that nobody can begin with is tried again more often than that. */
const toldMs = 10_000;

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
  /** For how long nothing may be acknowledged while something waits, before others are given its shards. */
  readonly silentMsMax?: number;
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

/**
 * Publishes the log. The orders are shared in shards, by the hash of the key, among all relays that run. A shard's
 * checkpoint moves, under its lease, only over what is acknowledged: so everything is published at least once, for each
 * topic and key first in order; what a relay repeats that was paused, or that takes over, is known by `sequence`. One
 * that Kafka acknowledges nothing gives its shards to those whose messages it takes; while there are none, it keeps them.
 */
export const openRelay = (options: RelayOptions): Relay => {
  const { log, leases, postgres, publisher, shards: shardCount, clock, logger } = options;
  const checkpoints = relayCheckpoints(postgres, shardCount);
  const held = new Map<number, Shard>();
  let fatal: UnknownVersionError | undefined;
  let stuck: string | undefined;
  /** By shard: why it could not begin, and when that was tried; another may have begun with it since. */
  const ahead = new Map<number, { readonly error: Error; readonly at: number }>();
  const saver = checkpointSaver({
    checkpoints,
    held,
    clock,
    logger,
    onLost: (shard) => readers.leave(shard),
  });
  const batches = batchesOnTheWay({
    send: publisher.send,
    onMoved: saver.moved,
    onAcknowledged: () => sending.acknowledged(),
    clock,
    onRejected: (error) => {
      if (error instanceof UnavailableError) return;
      logger.error({ err: error }, 'the relay cannot publish what it has read');
      stuck ??= error instanceof Error ? error.message : String(error);
    },
  });

  const { silentMs } = batches;
  const sending = watchSending({
    silentMs,
    shards: shardCount,
    clock,
    logger,
    silentMsMax: options.silentMsMax,
  });

  const readers = shardReaders({
    log,
    shardCount,
    batches,
    clock,
    onUnknown: (error) => {
      fatal ??= error;
      options.onFatal?.(error);
    },
  });

  const begin = async (lease: Lease): Promise<Leased> => {
    const index = Number(lease.piece);
    const [checkpoint, head] = await Promise.all([checkpoints.load(index), log.head()]);
    ahead.delete(index);
    if (checkpoint > head) {
      const error = aheadOfTheLog(index, checkpoint, head);
      ahead.set(index, { error, at: clock.monotonic() });
      throw error;
    }
    const shard = shardAt(index, lease, checkpoint);
    held.set(index, shard);
    lease.lost.addEventListener('abort', () => readers.leave(shard), { once: true });
    readers.add(shard);
    logger.info({ shard: index, checkpoint, head, epoch: lease.epoch }, 'relay publishes a shard');
    return {
      close: async () => {
        readers.leave(shard);
        // What cannot be sent now is sent by who takes over; nobody waits for it here.
        if (!sending.isCutOff()) await batches.drained(shard);
        await saver.save();
        shard.lose();
        if (held.get(index) === shard) held.delete(index);
      },
    };
  };

  const pieces = Array.from({ length: shardCount }, (_, index) => String(index));
  const competition = leases.compete(`relay-${shardCount}`, pieces, begin, sending.able);

  return {
    held: competition.held,
    problems: () => [
      ...(fatal === undefined ? [] : [fatal.message]),
      ...(stuck === undefined ? [] : [`the relay cannot publish what it has read: ${stuck}`]),
      ...[...ahead.values()]
        .filter(({ at }) => clock.monotonic() - at < toldMs)
        .map(({ error }) => error.message),
      ...publisher.problems(),
      ...sending.problems(),
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
      readers.stop();
    },
  };
};

const aheadOfTheLog = (shard: number, checkpoint: number, head: number): DamagedError =>
  new DamagedError(
    `shard ${shard} of the relay was published up to position ${checkpoint}, and the log ends at ${head}: ` +
      'it is another log, or it has lost its end',
  );
