import { formatPosition, type OrderList, type OrderListQuery, rfc3339 } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import type { ProjectionReader, Query } from '@recourse/infra/project/read';
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

/** One page of `GET /orders`. Throws a `ProblemError` on a bad cursor. */
export const listOrders = (reader: ProjectionReader, asked: OrderListQuery): OrderList => {
  const { rows: page, position } = reader.read((query: Query) =>
    pageOf<Pick<OrderRow, (typeof shownColumns)[number]>>(
      query,
      'orders',
      shownColumns,
      allOf(
        stretchOf(query, 'orders', 'createdAt', asked),
        where('customerId = ?', asked.customerId),
        where('state = ?', asked.state),
      ),
      asked.limit,
    ),
  );
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
export const countOrders = (reader: ProjectionReader): OrderCounts => {
  const { rows, position } = reader.read((query) => query<OrderCount>('select state, orders from counts'));
  const by = { open: 0, cancelling: 0, completed: 0, cancelled: 0 };
  for (const { state, orders } of rows) by[state] = orders;
  return { ...by, open: by.open + by.cancelling, position };
};
