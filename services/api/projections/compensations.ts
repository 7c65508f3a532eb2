import type { Because } from '@recourse/contracts/commands';
import { type FoldedEvent, projection, type Rows, table } from '@recourse/infra/project/projection';
import { amountsAdded } from './amounts.ts';
import { goesBack } from './way-back.ts';

/** Compensations: why orders are taken back, at which step, how it ended, and what money was given back. */

/** The step that failed, stayed silent, or was in flight when the customer cancelled. */
export type Step = 'payment' | 'inventory' | 'shipping';

/** `completed`: it was too late to take it back (the parcel was gone), so it went forward to its end. */
export type CompensationOutcome = 'cancelled' | 'completed';

/** How many orders ended so, for that reason, at that step. */
export type ReasonRow = {
  readonly because: Because;
  readonly step: Step;
  readonly outcome: CompensationOutcome;
  readonly orders: number;
  /** How many of them were given money back, and of how many an authorisation was voided. */
  readonly refunds: number;
  readonly voids: number;
  /** When the last of them ended; milliseconds since 1970. */
  readonly lastAt: number;
};

/** Money given back for a reason, in minor units; counted when it is refunded, whether or not its order has ended. */
export type RefundRow = {
  readonly because: Because;
  readonly currency: string;
  readonly refunds: number;
  readonly refunded: number;
};

/** An order that was, or is being, taken back; times in milliseconds since 1970. */
export type CompensatedRow = {
  /** Of the step of the saga that began it: newer ones are higher. */
  readonly position: number;
  readonly orderId: string;
  readonly because: Because;
  readonly step: Step;
  /** Null while it is under way. */
  readonly outcome: CompensationOutcome | null;
  readonly currency: string | null;
  readonly refunded: number;
  /** 1: an authorisation was voided. */
  readonly voided: 0 | 1;
  readonly startedAt: number;
  readonly endedAt: number | null;
};

const reasons = table<ReasonRow>({
  columns: {
    because: 'text not null',
    step: 'text not null',
    outcome: 'text not null',
    orders: 'integer not null',
    refunds: 'integer not null',
    voids: 'integer not null',
    lastAt: 'time integer not null',
  },
  key: ['because', 'step', 'outcome'],
  clustered: true,
});

const refunds = table<RefundRow>({
  columns: {
    because: 'text not null',
    currency: 'text not null',
    refunds: 'integer not null',
    refunded: 'integer not null',
  },
  key: ['because', 'currency'],
  clustered: true,
});

const orders = table<CompensatedRow>({
  columns: {
    position: 'integer primary key',
    orderId: 'text not null',
    because: 'text not null',
    step: 'text not null',
    outcome: 'text',
    currency: 'text',
    refunded: 'integer not null',
    voided: 'integer not null',
    startedAt: 'time integer not null',
    endedAt: 'time integer',
  },
  key: ['orderId'],
  hot: ['endedAt', null],
});

type Tables = {
  readonly reasons: Rows<ReasonRow>;
  readonly refunds: Rows<RefundRow>;
  readonly orders: Rows<CompensatedRow>;
};

/** Where nothing failed, the customer cancelled: the first undo says which step was in flight, as it undoes that one. */
const stepOf = (because: Because, state: string): Step => {
  for (const step of ['payment', 'inventory', 'shipping'] as const) if (because.startsWith(step)) return step;
  if (state === 'cancellingShipment') return 'shipping';
  return state === 'releasing' ? 'inventory' : 'payment';
};

const begin = ({ orders }: Tables, { position, correlation, time, data }: FoldedEvent<'SagaAdvanced'>) => {
  const { value, context } = data.state;
  if (orders.get(correlation) !== undefined) return;
  const because = context.because ?? 'customer-cancelled';
  orders.put({
    position,
    orderId: correlation,
    because,
    step: stepOf(because, value),
    outcome: null,
    currency: null,
    refunded: 0,
    voided: 0,
    startedAt: time,
    endedAt: null,
  });
};

type Ended = Pick<CompensatedRow, 'because' | 'step' | 'refunded' | 'voided'>;

const count = ({ reasons }: Tables, row: Ended, outcome: CompensationOutcome, lastAt: number) => {
  const { because, step } = row;
  const before = reasons.get(because, step, outcome) ?? { orders: 0, refunds: 0, voids: 0 };
  reasons.put({
    because,
    step,
    outcome,
    orders: before.orders + 1,
    refunds: before.refunds + (row.refunded > 0 ? 1 : 0),
    voids: before.voids + row.voided,
    lastAt,
  });
};

const end = (tables: Tables, row: CompensatedRow, outcome: CompensationOutcome, endedAt: number) => {
  tables.orders.put({ ...row, outcome, endedAt });
  count(tables, row, outcome, endedAt);
};

/** A customer who asked when the parcel was gone already: nothing was taken back. */
const askedTooLate: Ended = { because: 'customer-cancelled', step: 'shipping', refunded: 0, voided: 0 };

const complete = (tables: Tables, { correlation, time, data }: FoldedEvent<'OrderCompleted'>) => {
  if (!data.cancellationRefused) return;
  const row = tables.orders.get(correlation);
  if (row === undefined) count(tables, askedTooLate, 'completed', time);
  else end(tables, row, 'completed', time);
};

/**
 * Begins and ends with the saga's own steps. The answers that end it stand in other streams: between one of them and the
 * step that hears it the saga may take another, on its way back still. Where the carrier has the parcel and the customer
 * had asked, the order's end says so; else nothing more is to come.
 */
const advance = (tables: Tables, record: FoldedEvent<'SagaAdvanced'>) => {
  const { time, correlation, data } = record;
  const { value } = data.state;
  if (goesBack(value)) return begin(tables, record);
  const refused = data.input.type === 'ShipmentCancellationRefused';
  const row = refused || value === 'cancelled' ? tables.orders.get(correlation) : undefined;
  if (row === undefined) return;
  if (value === 'cancelled') end(tables, row, 'cancelled', time);
  else if (row.because !== 'customer-cancelled') end(tables, row, 'completed', time);
};

const refund = (tables: Tables, { correlation, data }: FoldedEvent<'PaymentRefunded'>) => {
  if (data.nothing) return;
  const row = tables.orders.get(correlation);
  // One after its order's end is late: a person had said so already.
  if (row === undefined || row.refunded > 0) return;
  const { amount, currency } = data;
  tables.orders.put({ ...row, currency, refunded: amount });
  const before = tables.refunds.get(row.because, currency) ?? { refunds: 0, refunded: 0 };
  tables.refunds.put({
    because: row.because,
    currency,
    refunds: before.refunds + 1,
    refunded: amountsAdded(before.refunded, amount),
  });
};

/** See `ReasonRow`, `RefundRow` and `CompensatedRow`. */
export const compensationsProjection = projection({
  name: 'compensations',
  version: 1,
  tables: { reasons, refunds, orders },
  fold: {
    SagaAdvanced: advance,
    PaymentRefunded: refund,
    PaymentVoided: ({ orders }, { correlation, data }) => {
      const row = data.nothing ? undefined : orders.get(correlation);
      if (row !== undefined) orders.put({ ...row, voided: 1 });
    },
    OrderCompleted: complete,
  },
});
