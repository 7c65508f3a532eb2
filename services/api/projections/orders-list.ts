import { formatPosition, type OrderList, type OrderListQuery, rfc3339 } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { type Reads, select } from '@recourse/infra/project/select';
import type { ReadProjection } from './open-sagas.ts';
import type { OrderCount, OrderRow } from './orders.ts';
import { allOf, pageOf, stretchOf, where } from './page.ts';

const shownColumns = [
  'position',
  'orderId',
  'state',
  'customerId',
  'currency',
  'country',
  'total',
  'because',
  'createdAt',
  'endedAt',
] as const satisfies readonly (keyof OrderRow)[];

type Shown = Pick<OrderRow, (typeof shownColumns)[number]>;

/** One page of `GET /orders`. Rejects with a `ProblemError` on a bad cursor. */
export const listOrders = async (read: ReadProjection, asked: OrderListQuery): Promise<OrderList> => {
  const { rows: page, position } = await read('orders', () => ordersPage(asked));
  return {
    items: page.rows.map((row) => ({
      orderId: row.orderId as OrderId,
      state: row.state,
      customerId: row.customerId as OrderList['items'][number]['customerId'],
      currency: row.currency,
      country: row.country,
      total: row.total,
      because: row.because,
      createdAt: rfc3339(row.createdAt),
      endedAt: row.endedAt === null ? null : rfc3339(row.endedAt),
    })),
    nextCursor: page.nextCursor,
    position: formatPosition(position),
  };
};

function* ordersPage(asked: OrderListQuery) {
  const conditions = allOf(
    yield* stretchOf('orders', 'createdAt', asked),
    where('customerId = ?', asked.customerId),
    where('state = ?', asked.state),
  );
  return yield* pageOf<Shown>('orders', shownColumns, conditions, asked.limit);
}

/** How many orders there are, and the position of the log at which that holds. */
export type OrderCounts = {
  /** Orders that have not ended, those that are being cancelled included. */
  readonly open: number;
  /** Those of them that are being cancelled. */
  readonly cancelling: number;
  readonly completed: number;
  readonly cancelled: number;
  readonly position: number;
};

/** Counts orders by state: four rows are read, however many orders there are. */
export const countOrders = async (read: ReadProjection): Promise<OrderCounts> => {
  const { rows, position } = await read('orders', stateCounts);
  const by = { open: 0, cancelling: 0, completed: 0, cancelled: 0 };
  for (const { state, orders } of rows) by[state] = orders;
  return { ...by, open: by.open + by.cancelling, position };
};

const stateCounts = (): Reads<readonly OrderCount[]> =>
  select<OrderCount>('select state, orders from counts');
