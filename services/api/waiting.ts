import type { OrderId } from '@recourse/contracts/ids';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import type { Live } from './live.ts';
import { applyToOrder, foldOrder, newOrderView, type OrderView } from './order-view.ts';
import { readOrderUpTo, viewCategories } from './records.ts';

/** One request that waits for an order's saga to end. Folds the order as it goes, so that its end needs no read. */
export type Wait = {
  /** Starts from what the log holds already: for an order that is not new. */
  catchUp(): Promise<void>;
  /** Resolves with the order at its saga's end, or as it is after `waitMs`, or when the process stops. */
  ended(waitMs: number): Promise<OrderView>;
  /** Stops waiting: `ended` resolves with the order as it is. */
  stop(): void;
};

/**
 * Begins to watch an order; undefined where too many wait. Begun before the order is created it misses nothing. Stop
 * it in the end.
 */
export const beginWait = (
  { live, log, clock }: { readonly live: Live; readonly log: EventLog; readonly clock: Clock },
  orderId: OrderId,
): Wait | undefined => {
  let view = newOrderView(orderId);
  /** What comes round while the past is read. */
  let behind: RecordedEvent[] | undefined;
  /** Up to where the past has been read: what comes round late of it would set the order back. */
  let past = 0;
  let over = false;
  let settle: (() => void) | undefined;

  const finish = () => {
    over = true;
    settle?.();
  };

  const apply = (record: RecordedEvent) => {
    if (record.position <= past) return;
    applyToOrder(view, record);
    if (view.sagaDone) finish();
  };

  const unwatch = live.watch('waiter', orderId, {
    onRecord: (record) => {
      if (behind === undefined) apply(record);
      else behind.push(record);
    },
    onClose: finish,
  });
  if (unwatch === undefined) return undefined;

  return {
    catchUp: async () => {
      behind = [];
      const { records, head } = await readOrderUpTo(log, orderId, viewCategories);
      view = foldOrder(orderId, records);
      past = head;
      const missed = behind;
      behind = undefined;
      for (const record of missed) apply(record);
      if (view.sagaDone) finish();
    },
    ended: (waitMs) =>
      new Promise((resolve) => {
        if (over) return resolve(view);
        const cancel = clock.after(waitMs, finish);
        settle = () => {
          cancel();
          resolve(view);
        };
      }),
    stop: () => {
      unwatch();
      finish();
    },
  };
};
