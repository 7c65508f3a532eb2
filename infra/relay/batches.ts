import type { Message } from '../ports/broker.ts';
import type { Clock } from '../ports/clock.ts';
import type { Shard } from './shard.ts';

/** What was read at once and is on its way. */
type Batch = {
  /** The position of its last record. */
  readonly end: number;
  readonly shards: readonly Shard[];
  readonly onAcked: () => void;
  acked: boolean;
  /** By the monotonic clock. */
  readonly sentAt: number;
};

type Sending = {
  /** Sends, as the publisher does. */
  readonly send: (messages: readonly Message[], isStale: (message: Message) => boolean) => Promise<void>;
  /** Places may have moved. */
  readonly onMoved: () => void;
  /** Something was acknowledged: it was sent, and not passed over because its shard was lost meanwhile. */
  readonly onAcknowledged: () => void;
  readonly onRejected: (error: unknown) => void;
  readonly clock: Clock;
};

/**
 * What is on its way, in the order in which it was read. A shard's place of what is acknowledged moves over a batch only
 * when everything that was read before it is acknowledged as well.
 */
export const batchesOnTheWay = ({ send, onMoved, onAcknowledged, onRejected, clock }: Sending) => {
  const batches: Batch[] = [];
  let waiting: (() => void)[] = [];
  let acknowledgedAt = Number.NEGATIVE_INFINITY;

  const settle = () => {
    while (batches[0]?.acked === true) {
      const { end, shards, onAcked } = batches.shift()!;
      for (const shard of shards) if (!shard.isLost()) shard.ackedTo = Math.max(shard.ackedTo, end);
      onAcked();
    }
    onMoved();
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  };

  return {
    /** Sends what was read for these shards up to `end`, and calls `onAcked` when it is acknowledged, in order. */
    send: (
      messages: readonly Message[],
      isStale: (message: Message) => boolean,
      batch: Omit<Batch, 'acked' | 'sentAt'>,
    ): void => {
      const onTheWay: Batch = { ...batch, acked: false, sentAt: clock.monotonic() };
      batches.push(onTheWay);
      const acked = () => {
        onTheWay.acked = true;
        settle();
      };
      const sent = () => {
        if (!messages.every(isStale)) {
          acknowledgedAt = clock.monotonic();
          onAcknowledged();
        }
        acked();
      };
      // After a rejection nothing is acknowledged any more: no checkpoint moves over what may be missing.
      if (messages.length > 0) send(messages, isStale).then(sent, onRejected);
      else acked();
    },
    /** For how long something has been on its way, for shards that are ours, and nothing was acknowledged; else 0. */
    silentMs: (): number => {
      const first = batches.find(({ acked, shards }) => !acked && shards.some((shard) => !shard.isLost()));
      return first === undefined
        ? 0
        : Math.max(0, clock.monotonic() - Math.max(first.sentAt, acknowledgedAt));
    },
    /** Resolves when everything that is on its way for a shard is acknowledged, or the shard is lost. */
    drained: async (shard: Shard): Promise<void> => {
      const lost = Promise.withResolvers<void>();
      const onLost = () => lost.resolve();
      shard.lease.lost.addEventListener('abort', onLost);
      while (!shard.isLost() && batches.some(({ shards }) => shards.includes(shard))) {
        const moved = new Promise<void>((resolve) => waiting.push(resolve));
        await Promise.race([moved, lost.promise]);
      }
      shard.lease.lost.removeEventListener('abort', onLost);
    },
  };
};
