import { projection, type Rows, table } from '@recourse/infra/project/projection';

/** Customers: how many orders each has placed, and how those ended. */
type CustomerRow = {
  readonly customerId: string;
  readonly orders: number;
  readonly completed: number;
  readonly cancelled: number;
  /** Milliseconds since 1970. */
  readonly lastOrderAt: number;
};

/** Whose order it is: the events of its end do not say. */
type OrderRow = {
  /** Of its OrderCreated. */
  readonly position: number;
  readonly orderId: string;
  readonly customerId: string;
  readonly endedAt: number | null;
};

const customers = table<CustomerRow>({
  columns: {
    customerId: 'text not null',
    orders: 'integer not null',
    completed: 'integer not null',
    cancelled: 'integer not null',
    lastOrderAt: 'time integer not null',
  },
  key: ['customerId'],
  clustered: true,
});

const orders = table<OrderRow>({
  columns: {
    position: 'integer primary key',
    orderId: 'text not null',
    customerId: 'text not null',
    endedAt: 'time integer',
  },
  key: ['orderId'],
  hot: ['endedAt', null],
});

type Tables = { readonly customers: Rows<CustomerRow>; readonly orders: Rows<OrderRow> };

const end = (tables: Tables, orderId: string, time: number, how: 'completed' | 'cancelled') => {
  const order = tables.orders.get(orderId);
  if (order === undefined) return; // a guest's
  tables.orders.put({ ...order, endedAt: time });
  const customer = tables.customers.get(order.customerId)!;
  tables.customers.put({ ...customer, [how]: customer[how] + 1 });
};

/** See `CustomerRow`. */
export const customersProjection = projection({
  name: 'customers',
  version: 1,
  tables: { customers, orders },
  fold: {
    OrderCreated: (tables, { position, correlation, time, data: { customerId } }) => {
      if (customerId === null) return;
      tables.orders.put({ position, orderId: correlation, customerId, endedAt: null });
      const before = tables.customers.get(customerId) ?? { orders: 0, completed: 0, cancelled: 0 };
      tables.customers.put({ ...before, customerId, orders: before.orders + 1, lastOrderAt: time });
    },
    OrderCompleted: (tables, { correlation, time }) => end(tables, correlation, time, 'completed'),
    OrderCancelled: (tables, { correlation, time }) => end(tables, correlation, time, 'cancelled'),
  },
});
