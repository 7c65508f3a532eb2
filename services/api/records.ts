import type { OrderId } from '@recourse/contracts/ids';
import { type OrderCategory, orderStream } from '@recourse/contracts/streams';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';

/** The streams that tell where an order stands. */
export const viewCategories = ['order', 'saga', 'payment', 'inventory', 'shipping'] as const;

/** All streams of an order: its whole history. */
export const historyCategories = [...viewCategories, 'saga-input'] as const;

/** The records of an order's streams, in the order of the log; none where there is no such order. */
export const readOrder = async (
  log: EventLog,
  orderId: OrderId,
  categories: readonly OrderCategory[],
): Promise<RecordedEvent[]> => {
  const streams = await Promise.all(
    categories.map((category) => log.readStream(orderStream(category, orderId))),
  );
  return streams.flat().sort((a, b) => a.position - b.position);
};

/** The records up to one moment, no gap between streams: what is not here comes after the log's head of that moment. */
export const readOrderUpTo = async (
  log: EventLog,
  orderId: OrderId,
  categories: readonly OrderCategory[],
): Promise<{ readonly records: RecordedEvent[]; readonly head: number }> => {
  const head = await log.head();
  const records = await readOrder(log, orderId, categories);
  return { records: records.filter(({ position }) => position <= head), head };
};
