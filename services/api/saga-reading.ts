import type { Saga } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { sagaView } from '@recourse/sagas/view';
import type { Context } from './deps.ts';
import { notFound } from './problem.ts';
import { historyCategories, readOrder } from './records.ts';

/** The steps that one answer shows: the last of a saga that has taken more. */
const stepsShownMax = 1_000;

type WithLog = Pick<Context, 'log'>;

/** Where a participant says that an outcome came late: short streams, however long its saga has become. */
const participants = ['order', 'payment', 'inventory', 'shipping'] as const;

/** The whole history of an order. Throws `not-found` where there is no such order. */
export const readHistory = async ({ log }: WithLog, orderId: OrderId): Promise<readonly RecordedEvent[]> => {
  const records = await readOrder(log, orderId, historyCategories);
  if (!records.some(({ type }) => type === 'OrderCreated')) throw notFound(`Saga ${orderId}`);
  return records;
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

/** The steps up to a revision that are shown, and before them the first, which set the deadline. */
const readAdvances = async ({ log }: WithLog, orderId: OrderId, revision: number) => {
  const stream = orderStream('saga', orderId);
  const from = Math.max(1, revision - stepsShownMax + 1);
  const records = [
    ...(await log.readStream(stream, { max: 1 })),
    ...(await log.readStream(stream, { from, max: Math.max(0, revision - from + 1) })),
  ];
  return records.filter((record) => record.type === 'SagaAdvanced');
};

/** A saga as it is, or as it was at a revision of its stream. Throws `not-found` where there is none, or no such one. */
export const readSaga = async (context: Context, orderId: OrderId, revision?: number): Promise<Saga> => {
  const { log, clock, limits, deadLetters } = context;
  const { created, last } = await readEnds(context, orderId);
  const head = last?.revision ?? -1;
  if (revision !== undefined && revision > head) throw notFound(`Revision ${revision} of saga ${orderId}`);

  const advances = await readAdvances(context, orderId, revision ?? head);
  const shown = (saga: Saga): Saga => ({ ...saga, steps: saga.steps.slice(-stepsShownMax) });
  const known = {
    orderId,
    created,
    advances,
    deadlineMs: limits.deadlineMs,
    stuckAfterMs: limits.stuckAfterMs,
  };
  if (revision !== undefined && revision < head) {
    const now = advances.at(-1)?.time ?? created.time;
    return shown(sagaView({ ...known, now, hasDeadLetter: false, hasLateAnswer: false }));
  }
  const outcomes = await readOrder(log, orderId, participants);
  return shown(
    sagaView({
      ...known,
      now: clock.now(),
      hasDeadLetter: (await deadLetters.list({ key: orderId, max: 1 })).length > 0,
      hasLateAnswer: outcomes.some(({ data }) => 'late' in data && data.late === true),
    }),
  );
};
