import type { OrderList, OrderListQuery, SagaList, SagaListQuery } from '@recourse/contracts/http';
import type { Clock } from '@recourse/infra/ports/clock';
import type { Logger } from 'pino';
import type { ReadProjection } from './projections/open-sagas.ts';
import { listOrders, type OrderCounts } from './projections/orders-list.ts';
import { listSagas, type StuckWhen } from './projections/sagas-list.ts';

/** What says, besides the rows, which sagas are stuck. */
export type StuckOptions = {
  /** The deadline of a saga that has not taken its first step, from its order's creation on. */
  readonly deadlineMs?: number;
  /** How long past its deadline an open saga is stuck. */
  readonly stuckAfterMs?: number;
  /** Orders that have dead letters now. */
  readonly deadLetterKeys?: () => readonly string[] | Promise<readonly string[]>;
};

const deadlineMsDefault = 300_000;
const stuckAfterMsDefault = 60_000;

/** Lists and counts, whichever engine holds the rows: see `ReadModels`. */
export const listsOver = (
  options: StuckOptions & {
    readonly read: ReadProjection;
    readonly counts: () => Promise<OrderCounts>;
    readonly clock: Clock;
    readonly logger?: Logger;
  },
) => {
  const { read, counts, clock, logger } = options;

  const whenOpened = async (): Promise<StuckWhen> => ({
    now: clock.now(),
    deadlineMs: options.deadlineMs ?? deadlineMsDefault,
    stuckAfterMs: options.stuckAfterMs ?? stuckAfterMsDefault,
    deadLetterKeys: (await options.deadLetterKeys?.()) ?? [],
  });

  return {
    read,
    counts,
    listOrders: (query: OrderListQuery): Promise<OrderList> => listOrders(read, query),
    listSagas: async (query: SagaListQuery, when?: StuckWhen): Promise<SagaList> =>
      listSagas(read, query, when ?? (await whenOpened())),
    countedFrom: () =>
      counts().catch((error: unknown) => {
        logger?.warn({ err: error }, 'open orders are counted from the whole log');
        return { position: 0, open: 0 };
      }),
  };
};
