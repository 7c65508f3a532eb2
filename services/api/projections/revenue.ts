import { rfc3339 } from '@recourse/contracts/http';
import { type FoldedEvent, projection, type Rows, table } from '@recourse/infra/project/projection';
import { amountsAdded } from './amounts.ts';

/**
 * Revenue by day, currency and country of the order.
 *
 * An order counts once, on the day (UTC) of the first record that says its money was captured: PaymentProcessed or
 * PaymentCaptured, from the provider or a person, late ones included. What was only authorised counts nothing. A refund
 * counts on the day of the capture that it takes back, whenever it happens, so `net` is what is left of a day's
 * captures, and an old day can still change. A refund of an order of which no capture is known counts on its own day.
 */

/** Minor units; a sum beyond 2^53 − 1 stays there. */
export type DayRow = {
  /** `2026-01-31`. */
  readonly day: string;
  readonly currency: string;
  readonly country: string;
  /** How many orders' money was captured. */
  readonly orders: number;
  readonly captured: number;
  readonly refunded: number;
  /** captured − refunded. */
  readonly net: number;
};

/** What has to be known of an order to count its money: where it goes, and on which day it was paid. */
export type PaidOrderRow = {
  /** Of its OrderCreated. */
  readonly position: number;
  readonly orderId: string;
  readonly currency: string;
  readonly country: string;
  /** Of its capture; null before it. */
  readonly day: string | null;
  readonly captured: number;
  readonly refunded: number;
  /** Milliseconds since 1970; null while it is open. */
  readonly endedAt: number | null;
};

const days = table<DayRow>({
  columns: {
    day: 'text not null',
    currency: 'text not null',
    country: 'text not null',
    orders: 'integer not null',
    captured: 'integer not null',
    refunded: 'integer not null',
    net: 'integer not null',
  },
  key: ['day', 'currency', 'country'],
  clustered: true,
});

const orders = table<PaidOrderRow>({
  columns: {
    position: 'integer primary key',
    orderId: 'text not null',
    currency: 'text not null',
    country: 'text not null',
    day: 'text',
    captured: 'integer not null',
    refunded: 'integer not null',
    endedAt: 'time integer',
  },
  key: ['orderId'],
  hot: ['endedAt', null],
});

type Tables = { readonly days: Rows<DayRow>; readonly orders: Rows<PaidOrderRow> };

const dayOf = (time: number) => rfc3339(time).slice(0, 'YYYY-MM-DD'.length);

const count = (
  { days }: Tables,
  { currency, country }: PaidOrderRow,
  day: string,
  more: { readonly orders: number; readonly captured: number; readonly refunded: number },
) => {
  const before = days.get(day, currency, country) ?? { orders: 0, captured: 0, refunded: 0 };
  const captured = amountsAdded(before.captured, more.captured);
  const refunded = amountsAdded(before.refunded, more.refunded);
  const orders = before.orders + more.orders;
  days.put({ day, currency, country, orders, captured, refunded, net: captured - refunded });
};

/** What comes after an order's end is late, and rare. */
const orderOf = ({ orders }: Tables, orderId: string) => orders.get(orderId) ?? orders.find(orderId);

const capture = (
  tables: Tables,
  { correlation, time, data: { amount } }: FoldedEvent<'PaymentProcessed' | 'PaymentCaptured'>,
) => {
  const row = orderOf(tables, correlation);
  // Said again: by the provider, after a person.
  if (row === undefined || row.captured > 0) return;
  const day = dayOf(time);
  tables.orders.put({ ...row, day, captured: amount });
  count(tables, row, day, { orders: 1, captured: amount, refunded: 0 });
};

const refund = (tables: Tables, { correlation, time, data }: FoldedEvent<'PaymentRefunded'>) => {
  if (data.nothing) return;
  const row = orderOf(tables, correlation);
  if (row === undefined || row.refunded > 0) return;
  tables.orders.put({ ...row, refunded: data.amount });
  count(tables, row, row.day ?? dayOf(time), { orders: 0, captured: 0, refunded: data.amount });
};

const end = ({ orders }: Tables, { correlation, time }: FoldedEvent<'OrderCompleted' | 'OrderCancelled'>) => {
  const row = orders.get(correlation);
  if (row !== undefined) orders.put({ ...row, endedAt: time });
};

/** See `DayRow`. */
export const revenueProjection = projection({
  name: 'revenue',
  version: 1,
  tables: { days, orders },
  fold: {
    OrderCreated: ({ orders }, { position, correlation, data: { currency, country } }) =>
      orders.put({
        position,
        orderId: correlation,
        currency,
        country,
        day: null,
        captured: 0,
        refunded: 0,
        endedAt: null,
      }),
    PaymentProcessed: capture,
    PaymentCaptured: capture,
    PaymentRefunded: refund,
    OrderCompleted: end,
    OrderCancelled: end,
  },
});
