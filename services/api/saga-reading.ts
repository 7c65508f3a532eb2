import type { Saga } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { sagaView } from '@recourse/sagas/view';
import type { Context } from './deps.ts';
import { notFound } from './problem.ts';
import { historyCategories, readOrder } from './records.ts';

/** The whole history of an order, and the record that began it. Throws `not-found` where there is no such order. */
export const readHistory = async (
  { log }: Pick<Context, 'log'>,
  orderId: OrderId,
): Promise<{
  readonly records: readonly RecordedEvent[];
  readonly created: RecordedEvent<'OrderCreated'>;
}> => {
  const records = await readOrder(log, orderId, historyCategories);
  for (const record of records) if (record.type === 'OrderCreated') return { records, created: record };
  throw notFound(`Saga ${orderId}`);
};

/** The steps that a saga has taken. */
export const advancesAmong = (records: readonly RecordedEvent[]): readonly RecordedEvent<'SagaAdvanced'>[] =>
  records.filter((record) => record.type === 'SagaAdvanced');

/** A saga as it is, or as it was at a revision of its stream. Throws `not-found` where there is none, or no such one. */
export const readSaga = async (context: Context, orderId: OrderId, revision?: number): Promise<Saga> => {
  const { clock, limits, deadLetters } = context;
  const { records, created } = await readHistory(context, orderId);
  const all = advancesAmong(records);
  if (revision !== undefined && revision >= all.length) {
    throw notFound(`Revision ${revision} of saga ${orderId}`);
  }
  const known = { orderId, created, deadlineMs: limits.deadlineMs, stuckAfterMs: limits.stuckAfterMs };
  if (revision !== undefined && revision < all.length - 1) {
    const advances = all.slice(0, revision + 1);
    const now = advances.at(-1)?.time ?? created.time;
    return sagaView({ ...known, advances, now, hasDeadLetter: false, hasLateAnswer: false });
  }
  return sagaView({
    ...known,
    advances: all,
    now: clock.now(),
    hasDeadLetter: (await deadLetters.list({ key: orderId, max: 1 })).length > 0,
    hasLateAnswer: records.some(({ data }) => 'late' in data && data.late === true),
  });
};
