import type { Saga } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream, type StreamName } from '@recourse/contracts/streams';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { stockMoved } from '@recourse/inventory/moved';
import { newOrdersDefault, startVersion } from '@recourse/sagas/ramp';
import { sagaView } from '@recourse/sagas/view';
import type { Context } from './deps.ts';
import { type Moment, notYet, wasKnown } from './moment.ts';
import { notFound } from './problem.ts';
import { historyCategories, readOrder, readOrderUpTo } from './records.ts';

/** The steps that one answer shows: the last of a saga that has taken more. */
const stepsShownMax = 1_000;

type WithLog = Pick<Context, 'log'>;

/** Where a participant says that an outcome came late: short streams, however long its saga has become. */
const participants = ['order', 'payment', 'inventory', 'shipping'] as const;

/**
 * The whole history of an order up to the log's head of this moment: its own streams and what it moved in the stock,
 * in the order of the log, in which no effect stands before its cause. Throws `not-found` where there is no such order.
 */
export const readHistory = async ({ log }: WithLog, orderId: OrderId): Promise<readonly RecordedEvent[]> => {
  const { records, head } = await readOrderUpTo(log, orderId, historyCategories);
  if (!records.some(({ type }) => type === 'OrderCreated')) throw notFound(`Saga ${orderId}`);
  const own = orderStream('inventory', orderId);
  const inventory = records.filter(({ stream }) => stream === own);
  const moved = await stockMoved(log, orderId, inventory, head);
  return [...records, ...moved].sort((a, b) => a.position - b.position);
};

/** What a saga began with and its last step, read without its history. Throws `not-found` where there is no such order. */
export const readEnds = async (
  { log }: WithLog,
  orderId: OrderId,
): Promise<{
  readonly created: RecordedEvent<'OrderCreated'>;
  readonly last: RecordedEvent<'SagaAdvanced'> | undefined;
}> => {
  const [[created], [last]] = await Promise.all([
    log.readStream(orderStream('order', orderId), { max: 1 }),
    log.readStream(orderStream('saga', orderId), { direction: 'backwards', max: 1 }),
  ]);
  if (created?.type !== 'OrderCreated') throw notFound(`Saga ${orderId}`);
  return { created, last: last?.type === 'SagaAdvanced' ? last : undefined };
};

/** The steps up to a moment that are shown, and before them the first, which set the deadline. */
const readAdvances = async ({ log }: WithLog, orderId: OrderId, last: number, until?: Moment) => {
  const stream = orderStream('saga', orderId);
  const revision = until === undefined ? last : await lastKnown(log, stream, last, until);
  const from = Math.max(1, revision - stepsShownMax + 1);
  const records = [
    ...(await log.readStream(stream, { max: Math.min(1, revision + 1) })),
    ...(await log.readStream(stream, { from, max: Math.max(0, revision - from + 1) })),
  ];
  return records.filter((record) => record.type === 'SagaAdvanced');
};

/** The revision of a stream's last record that was known then, −1 where there was none; its last one is `last`. */
const lastKnown = async (log: EventLog, stream: StreamName, last: number, until: Moment): Promise<number> => {
  let [low, high] = [-1, last];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [record] = await log.readStream(stream, { from: middle, max: 1 });
    if (record !== undefined && wasKnown(record, until)) low = middle;
    else high = middle - 1;
  }
  return low;
};

/**
 * A saga as it is, or as it was at a moment; then nobody knows any more which dead letters there were. Throws
 * `not-found` where there is none, or was none yet.
 */
export const readSaga = async (context: Context, orderId: OrderId, until?: Moment): Promise<Saga> => {
  const { log, clock, limits, deadLetters, newOrders = newOrdersDefault } = context;
  const { created, last } = await readEnds(context, orderId);
  if (until !== undefined && !wasKnown(created, until)) throw notYet(`Saga ${orderId}`, created);
  const outcomes = await readOrder(log, orderId, participants);
  const known = until === undefined ? outcomes : outcomes.filter((record) => wasKnown(record, until));
  const dead = until === undefined ? await deadLetters.list({ key: orderId, max: 1 }) : [];
  const saga = sagaView({
    orderId,
    created,
    advances: await readAdvances(context, orderId, last?.revision ?? -1, until),
    startsOn: startVersion(orderId, newOrders),
    deadlineMs: limits.deadlineMs,
    stuckAfterMs: limits.stuckAfterMs,
    now: until?.time ?? clock.now(),
    hasDeadLetter: dead.length > 0,
    hasLateAnswer: known.some(({ data }) => 'late' in data && data.late === true),
  });
  return { ...saga, steps: saga.steps.slice(-stepsShownMax) };
};
