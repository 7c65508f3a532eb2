import { type FoldedEvent, projection } from '@recourse/infra/project/projection';
import {
  type Act,
  type ActKind,
  type Flag,
  type LedgerRows,
  ledgerTables,
  type OrderAccount,
  orderStates,
  type SkuAccount,
} from './ledger-tables.ts';

/** The ledger's accounts: what each order, each act outside and each SKU has moved, as the log says. */

const emptyAccount: Omit<OrderAccount, 'position' | 'orderId'> = {
  state: orderStates.unknown,
  currency: '',
  total: 0,
  pieces: 0,
  captured: 0,
  refunded: 0,
  capturedByPerson: 0,
  refundedByPerson: 0,
  captures: 0,
  refunds: 0,
  shipped: 0,
  shipmentCancelled: 0,
  takes: [],
  takenSkus: 0,
  takenPieces: 0,
  overReturned: 0,
};

const emptyAct: Omit<Act, 'account' | 'commandId'> = {
  intended: 0,
  amount: 0,
  currency: '',
  outcome: null,
  settled: 0,
  heardAt: null,
};

type Placed = { readonly position: number; readonly correlation: string };

const accountOf = (rows: LedgerRows, orderId: string, position: number): OrderAccount => {
  // Something after an order's end is a late answer, or not as it should be: either is rare.
  const known = rows.accounts.get(orderId) ?? rows.accounts.find(orderId);
  if (known !== undefined) return known;
  const made = { ...emptyAccount, position, orderId };
  rows.accounts.put(made);
  return made;
};

const actOf = (rows: LedgerRows, kind: ActKind, account: OrderAccount, commandId: string): Act =>
  rows[kind].get(account.position, commandId) ?? { ...emptyAct, account: account.position, commandId };

type Intended = {
  readonly commandId: string;
  readonly amount?: number | undefined;
  readonly currency?: string | undefined;
};

const intend = (
  rows: LedgerRows,
  kind: ActKind,
  { position, correlation }: Placed,
  { commandId, amount = 0, currency = '' }: Intended,
) => {
  // An intent comes before its outcome, so there is nothing to look up.
  const account = accountOf(rows, correlation, position).position;
  rows[kind].put({ ...emptyAct, account, commandId, intended: 1, amount, currency });
};

type Outcome = {
  readonly commandId: string;
  readonly amount?: number | undefined;
  readonly currency?: string | undefined;
  readonly by?: 'person' | undefined;
  readonly late?: true | undefined;
};

/**
 * Notes the outcome of an act. Returns whether it is the first to say so: what was accepted once, by a person or by
 * the provider, is not accepted again by a late answer. A late acceptance outdoes a person's refusal.
 */
const settle = (
  rows: LedgerRows,
  kind: ActKind,
  account: OrderAccount,
  position: number,
  { commandId, amount = 0, currency = '', by, late }: Outcome,
  outcome: Act['outcome'],
): boolean => {
  const act = actOf(rows, kind, account, commandId);
  const heardAt = by === 'person' || outcome === 'nothing' ? act.heardAt : position;
  const stands = late === true && (act.outcome === 'accepted' || outcome !== 'accepted');
  rows[kind].put({
    ...act,
    currency: act.intended === 1 ? act.currency : currency,
    outcome: stands ? act.outcome : outcome,
    settled: stands ? act.settled : amount,
    heardAt,
  });
  return !stands;
};

const amountsAdded = (a: number, b: number) => Math.min(a + b, Number.MAX_SAFE_INTEGER);

const captured = (rows: LedgerRows, record: FoldedEvent<'PaymentProcessed'>) => {
  const { position, correlation, data } = record;
  const account = accountOf(rows, correlation, position);
  if (!settle(rows, 'charges', account, position, data, 'accepted')) return;
  rows.accounts.put({
    ...account,
    currency: account.currency || data.currency,
    captured: amountsAdded(account.captured, data.amount),
    capturedByPerson: amountsAdded(account.capturedByPerson, data.by === 'person' ? data.amount : 0),
    captures: account.captures + 1,
  });
};

const refunded = (rows: LedgerRows, record: FoldedEvent<'PaymentRefunded'>) => {
  const { position, correlation, data } = record;
  const account = accountOf(rows, correlation, position);
  if (!settle(rows, 'refunds', account, position, data, data.nothing ? 'nothing' : 'accepted')) return;
  if (data.nothing) return;
  rows.accounts.put({
    ...account,
    currency: account.currency || data.currency,
    refunded: amountsAdded(account.refunded, data.amount),
    refundedByPerson: amountsAdded(account.refundedByPerson, data.by === 'person' ? data.amount : 0),
    refunds: account.refunds + 1,
  });
};

const shipped = (rows: LedgerRows, record: FoldedEvent<'OrderShipped'>) => {
  const { position, correlation, data } = record;
  const account = accountOf(rows, correlation, position);
  settle(rows, 'shipments', account, position, data, 'accepted');
  if (account.shipped === 1) return;
  rows.accounts.put({ ...account, shipped: 1 });
  for (const [sku, pieces] of account.takes) {
    const of = skuOf(rows, sku);
    rows.skus.put({ ...of, reserved: of.reserved - pieces, shipped: of.shipped + pieces });
  }
};

const skuOf = (rows: LedgerRows, sku: string): SkuAccount =>
  rows.skus.get(sku) ?? { sku, received: 0, onHand: 0, reserved: 0, shipped: 0 };

/** The SKU of a stock stream: what stands behind `stock-`. */
const skuOfStream = (stream: string) => stream.slice('stock-'.length);

const piecesOf = ({ takes }: OrderAccount, sku: string) => takes.find((take) => take[0] === sku)?.[1] ?? 0;

/** Moves pieces between a SKU and an order: taken is positive, returned negative. */
const move = (
  rows: LedgerRows,
  { position, stream, data }: FoldedEvent<'StockTaken' | 'StockReturned'>,
  pieces: number,
) => {
  const sku = skuOfStream(stream);
  const of = skuOf(rows, sku);
  if (pieces === 0) return rows.skus.put({ ...of, onHand: data.onHand });
  const account = accountOf(rows, data.orderId, position);
  const others = account.takes.filter((take) => take[0] !== sku);
  const before = piecesOf(account, sku);
  const after = before + pieces;
  rows.accounts.put({
    ...account,
    takes: after === 0 ? others : [...others, [sku, after]],
    takenSkus: account.takenSkus + (after === 0 ? 0 : 1) - (before === 0 ? 0 : 1),
    takenPieces: account.takenPieces + pieces,
    overReturned: (account.overReturned || after < 0 ? 1 : 0) as Flag,
  });
  const toShipped = account.shipped === 1 ? pieces : 0;
  rows.skus.put({
    ...of,
    onHand: data.onHand,
    reserved: of.reserved + pieces - toShipped,
    shipped: of.shipped + toShipped,
  });
};

const end = (rows: LedgerRows, { position, correlation }: Placed, state: OrderAccount['state']) =>
  rows.accounts.put({ ...accountOf(rows, correlation, position), state });

/** See `OrderAccount`, `Act` and `SkuAccount`. */
export const ledgerProjection = projection({
  name: 'ledger',
  version: 1,
  tables: ledgerTables,
  fold: {
    OrderCreated: (rows, { position, correlation, data: { currency, total, lines } }) => {
      let pieces = 0;
      for (const { quantity } of lines) pieces += quantity;
      const state = orderStates.open;
      rows.accounts.put({ ...emptyAccount, position, orderId: correlation, state, currency, total, pieces });
    },
    OrderCompleted: (rows, record) => end(rows, record, orderStates.completed),
    OrderCancelled: (rows, record) => end(rows, record, orderStates.cancelled),

    PaymentStarted: (rows, record) => intend(rows, 'charges', record, record.data),
    PaymentProcessed: captured,
    PaymentFailed: (rows, { position, correlation, data }) => {
      settle(rows, 'charges', accountOf(rows, correlation, position), position, data, 'declined');
    },
    RefundStarted: (rows, record) => intend(rows, 'refunds', record, record.data),
    PaymentRefunded: refunded,

    StockReceived: (rows, { stream, data }) => {
      const of = skuOf(rows, skuOfStream(stream));
      rows.skus.put({ ...of, received: of.received + data.quantity, onHand: data.onHand });
    },
    StockTaken: (rows, record) => move(rows, record, record.data.quantity),
    StockReturned: (rows, record) => move(rows, record, -record.data.quantity),

    ShipmentStarted: (rows, record) =>
      intend(rows, 'shipments', record, { commandId: record.data.commandId }),
    OrderShipped: shipped,
    ShippingFailed: (rows, { position, correlation, data }) => {
      settle(rows, 'shipments', accountOf(rows, correlation, position), position, data, 'declined');
    },
    ShipmentCancellationStarted: (rows, record) => intend(rows, 'cancellations', record, record.data),
    ShipmentCancelled: (rows, { position, correlation, data }) => {
      const account = accountOf(rows, correlation, position);
      settle(rows, 'cancellations', account, position, data, data.nothing ? 'nothing' : 'accepted');
      if (data.late !== true) rows.accounts.put({ ...account, shipmentCancelled: 1 });
    },
    ShipmentCancellationRefused: (rows, { position, correlation, data }) => {
      const account = accountOf(rows, correlation, position);
      settle(rows, 'cancellations', account, position, data, 'declined');
    },
  },
});
