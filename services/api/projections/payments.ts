import { type FoldedEvent, projection, type Rows, table } from '@recourse/infra/project/projection';

/** Payments: one row an order, from its first payment event on, whichever way its money is taken. */

/** Where a payment stands. `none`: nothing was paid, and nothing will be. */
export type PaymentState =
  | 'charging'
  | 'authorizing'
  | 'authorized'
  | 'capturing'
  | 'captured'
  | 'failed'
  | 'voiding'
  | 'voided'
  | 'refunding'
  | 'refunded'
  | 'none';

/** The payment of an order: amounts in minor units, times in milliseconds since 1970. */
export type PaymentRow = {
  /** Of its first payment event: newer ones are higher. */
  readonly position: number;
  readonly orderId: string;
  readonly state: PaymentState;
  /** Null where nothing was ever asked for. */
  readonly currency: string | null;
  /** What was asked for. */
  readonly amount: number;
  readonly authorized: number;
  /** What was charged at once counts as captured. */
  readonly captured: number;
  readonly refunded: number;
  readonly voided: number;
  /** The provider's references; that of a charge stands under `captureId`. */
  readonly authorizationId: string | null;
  readonly captureId: string | null;
  readonly refundId: string | null;
  readonly voidId: string | null;
  /** Why the provider refused. */
  readonly reason: string | null;
  /** Who said what became of the last step; null before anybody has, or where nobody had to be asked. */
  readonly settledBy: 'provider' | 'person' | null;
  /** 1: the provider was heard after a person had settled a step. Its amounts count, the state stays. */
  readonly lateAnswer: 0 | 1;
  readonly startedAt: number;
  readonly updatedAt: number;
  /** When its order ended; null while it is open. */
  readonly endedAt: number | null;
};

const money = 'integer not null';

const payments = table<PaymentRow>({
  columns: {
    position: 'integer primary key',
    orderId: 'text not null',
    state: 'text not null',
    currency: 'text',
    amount: money,
    authorized: money,
    captured: money,
    refunded: money,
    voided: money,
    authorizationId: 'text',
    captureId: 'text',
    refundId: 'text',
    voidId: 'text',
    reason: 'text',
    settledBy: 'text',
    lateAnswer: 'integer not null',
    startedAt: 'time integer not null',
    updatedAt: 'time integer not null',
    endedAt: 'time integer',
  },
  key: ['orderId'],
  hot: ['endedAt', null],
});

type Tables = { readonly payments: Rows<PaymentRow> };

/** A row before anything is known, with the columns in the order of the table: all rows then have one shape. */
const begun = ({ position, correlation, time }: FoldedEvent): PaymentRow => ({
  position,
  orderId: correlation,
  state: 'none',
  currency: null,
  amount: 0,
  authorized: 0,
  captured: 0,
  refunded: 0,
  voided: 0,
  authorizationId: null,
  captureId: null,
  refundId: null,
  voidId: null,
  reason: null,
  settledBy: null,
  lateAnswer: 0,
  startedAt: time,
  updatedAt: time,
  endedAt: null,
});

const change = (
  { payments }: Tables,
  record: FoldedEvent,
  changed: (row: PaymentRow) => Partial<PaymentRow>,
) => {
  const { revision, correlation, time } = record;
  // The first record of a payment's stream has no row to look for; one after its order's end is rare.
  const known = revision === 0 ? undefined : (payments.get(correlation) ?? payments.find(correlation));
  const row = known ?? begun(record);
  payments.put({ ...row, ...changed(row), updatedAt: time });
};

/** An intent, whose outcome is yet to come. */
const intend = (state: PaymentState) => (tables: Tables, record: FoldedEvent) =>
  change(tables, record, () => ({ state }));

type Asked = 'PaymentStarted' | 'AuthorizationStarted';

const ask = (state: PaymentState) => (tables: Tables, record: FoldedEvent<Asked>) => {
  const { amount, currency } = record.data;
  change(tables, record, () => ({ state, amount, currency }));
};

type Settled = { readonly by?: 'person' | undefined; readonly late?: true | undefined };

/** What an outcome changes: its amounts always, the state only where it is not late. */
const settle = ({ by, late }: Settled, state: PaymentState, amounts: Partial<PaymentRow>) =>
  late === true
    ? { ...amounts, lateAnswer: 1 as const }
    : { ...amounts, state, settledBy: by ?? ('provider' as const) };

const fail = (tables: Tables, record: FoldedEvent<'PaymentFailed' | 'AuthorizationFailed'>) => {
  const { data } = record;
  change(tables, record, ({ reason }) =>
    settle(data, 'failed', data.late ? { reason } : { reason: data.reason }),
  );
};

/** An undo that found nothing: a payment that had failed stays so. */
const nothing = ({ state }: PaymentRow, { by }: Settled): Partial<PaymentRow> => ({
  state: state === 'failed' ? state : 'none',
  settledBy: by ?? null,
});

const end = (
  { payments }: Tables,
  { correlation, time }: FoldedEvent<'OrderCompleted' | 'OrderCancelled'>,
) => {
  const row = payments.get(correlation);
  if (row !== undefined) payments.put({ ...row, endedAt: time });
};

/** See `PaymentRow`. */
export const paymentsProjection = projection({
  name: 'payments',
  version: 1,
  tables: { payments },
  fold: {
    PaymentStarted: ask('charging'),
    PaymentProcessed: (tables, record) => {
      const { data } = record;
      const { amount: captured, chargeId: captureId, currency } = data;
      change(tables, record, () => settle(data, 'captured', { captured, captureId, currency }));
    },
    PaymentFailed: fail,

    AuthorizationStarted: ask('authorizing'),
    PaymentAuthorized: (tables, record) => {
      const { data } = record;
      const { amount: authorized, authorizationId, currency } = data;
      change(tables, record, () => settle(data, 'authorized', { authorized, authorizationId, currency }));
    },
    AuthorizationFailed: fail,
    CaptureStarted: intend('capturing'),
    PaymentCaptured: (tables, record) => {
      const { data } = record;
      const { amount: captured, captureId, currency } = data;
      change(tables, record, () => settle(data, 'captured', { captured, captureId, currency }));
    },
    VoidStarted: intend('voiding'),
    PaymentVoided: (tables, record) => {
      const { data } = record;
      change(tables, record, (row) =>
        data.nothing
          ? nothing(row, data)
          : settle(data, 'voided', { voided: row.authorized, voidId: data.voidId ?? null }),
      );
    },

    RefundStarted: intend('refunding'),
    PaymentRefunded: (tables, record) => {
      const { data } = record;
      const { amount: refunded, refundId = null } = data;
      change(tables, record, (row) =>
        data.nothing ? nothing(row, data) : settle(data, 'refunded', { refunded, refundId }),
      );
    },

    OrderCompleted: end,
    OrderCancelled: end,
  },
});
