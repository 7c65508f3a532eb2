import type { Because } from '@recourse/contracts/commands';
import type { OrderState } from '@recourse/contracts/http';
import { projection, type Rows, table } from '@recourse/infra/project/projection';
import { goesBack } from './way-back.ts';

/** The list of orders: one row an order, and how many there are in each state. */

/** An order in the list; times in milliseconds since 1970, the total in minor units. */
export type OrderRow = {
  /** Of its OrderCreated: newer orders have higher ones. */
  readonly position: number;
  readonly orderId: string;
  readonly state: OrderState;
  readonly customerId: string | null;
  readonly currency: string;
  readonly country: string;
  readonly total: number;
  readonly because: Because | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
};

/** How many orders are in a state now. */
export type OrderCount = { readonly state: OrderState; readonly orders: number };

const orders = table<OrderRow>({
  columns: {
    position: 'integer primary key',
    orderId: 'text not null',
    state: 'text not null',
    customerId: 'text',
    currency: 'text not null',
    country: 'text not null',
    total: 'integer not null',
    because: 'text',
    createdAt: 'time integer not null',
    endedAt: 'time integer',
  },
  key: ['orderId'],
  hot: ['endedAt', null],
  // Each index ends in the position by itself, which is the order of the list.
  indexes: ['(state)', '(customerId) where customerId is not null', '(createdAt)'],
});

const counts = table<OrderCount>({
  columns: { state: 'text', orders: 'integer not null' },
  key: ['state'],
  clustered: true,
});

type Tables = { readonly orders: Rows<OrderRow>; readonly counts: Rows<OrderCount> };

const count = ({ counts }: Tables, state: OrderState, by: number) =>
  counts.put({ state, orders: (counts.get(state)?.orders ?? 0) + by });

/** Changes an order that has not ended; one that has stays as it ended. */
const change = (tables: Tables, orderId: string, changed: Partial<OrderRow>) => {
  const row = tables.orders.get(orderId);
  if (row === undefined) return;
  const { state = row.state, because = row.because } = changed;
  if (state === row.state && because === row.because) return;
  tables.orders.put({ ...row, ...changed });
  if (state === row.state) return;
  count(tables, row.state, -1);
  count(tables, state, 1);
};

/** See `OrderRow`. */
export const ordersProjection = projection({
  name: 'orders',
  version: 2,
  tables: { orders, counts },
  fold: {
    OrderCreated: (tables, { position, correlation, time, data }) => {
      const { customerId, currency, country, total } = data;
      tables.orders.put({
        position,
        orderId: correlation,
        state: 'open',
        customerId,
        currency,
        country,
        total,
        because: null,
        createdAt: time,
        endedAt: null,
      });
      count(tables, 'open', 1);
    },

    OrderCancellationRequested: (tables, { correlation }) =>
      change(tables, correlation, { state: 'cancelling', because: 'customer-cancelled' }),

    SagaAdvanced: (tables, { correlation, data: { state } }) => {
      const { because } = state.context;
      if (goesBack(state.value))
        change(tables, correlation, { state: 'cancelling', because: because ?? 'customer-cancelled' });
      // The parcel was gone before it could be cancelled: the order goes forward again.
      else if (state.value === 'capturing' || state.value === 'completing')
        change(tables, correlation, { state: 'open', because: null });
    },

    OrderCompleted: (tables, { correlation, time }) =>
      change(tables, correlation, { state: 'completed', because: null, endedAt: time }),

    OrderCancelled: (tables, { correlation, time, data }) =>
      change(tables, correlation, { state: 'cancelled', because: data.because, endedAt: time }),
  },
});
