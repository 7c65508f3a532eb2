import type { Message } from '../ports/broker.ts';
import type { Shard } from './shard.ts';

/** What was read at once and is on its way. */
type Batch = {
  /** The position of its last record. */
  readonly end: number;
  readonly shards: readonly Shard[];
  readonly onAcked: () => void;
  acked: boolean;
};

type Sending = {
  /** Sends, as the publisher does. */
  readonly send: (messages: readonly Message[], isStale: (message: Message) => boolean) => Promise<void>;
  /** Something was acknowledged. */
  readonly onMoved: () => void;
  readonly onRejected: (error: unknown) => void;
};

/**
 * What is on its way, in the order in which it was read. A shard's place of what is acknowledged moves over a batch only
 * when everything that was read before it is acknowledged as well.
 */
export const batchesOnTheWay = ({ send, onMoved, onRejected }: Sending) => {
  const batches: Batch[] = [];
  let waiting: (() => void)[] = [];

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
      batch: Omit<Batch, 'acked'>,
    ): void => {
      const onTheWay: Batch = { ...batch, acked: false };
      batches.push(onTheWay);
      const acked = () => {
        onTheWay.acked = true;
        settle();
      };
      // After a rejection nothing is acknowledged any more: no checkpoint moves over what may be missing.
      if (messages.length > 0) send(messages, isStale).then(acked, onRejected);
      else acked();
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
