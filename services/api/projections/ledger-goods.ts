import type { FoldedEvent } from '@recourse/infra/project/projection';
import { accountOf, settle } from './ledger-acts.ts';
import type { Flag, LedgerRows, OrderAccount, SkuAccount } from './ledger-tables.ts';

/** What receipts, reservations and shipments move. */

const skuOf = (rows: LedgerRows, sku: string): SkuAccount =>
  rows.skus.get(sku) ?? { sku, received: 0, onHand: 0, reserved: 0, shipped: 0 };

/** The SKU of a stock stream: what stands behind `stock-`. */
const skuOfStream = (stream: string) => stream.slice('stock-'.length);

const piecesOf = ({ takes }: OrderAccount, sku: string) => takes.find((take) => take[0] === sku)?.[1] ?? 0;

/** Pieces that came in. */
export const stockReceived = (rows: LedgerRows, { stream, data }: FoldedEvent<'StockReceived'>): void => {
  const of = skuOf(rows, skuOfStream(stream));
  rows.skus.put({ ...of, received: of.received + data.quantity, onHand: data.onHand });
};

/** Moves pieces between a SKU and an order: taken is positive, returned negative. */
export const stockMoved = (
  rows: LedgerRows,
  { position, stream, data }: FoldedEvent<'StockTaken' | 'StockReturned'>,
  pieces: number,
): void => {
  const sku = skuOfStream(stream);
  const of = skuOf(rows, sku);
  if (pieces === 0) {
    rows.skus.put({ ...of, onHand: data.onHand });
    return;
  }
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

/** Pieces that left. */
export const orderShipped = (
  rows: LedgerRows,
  { position, correlation, data }: FoldedEvent<'OrderShipped'>,
): void => {
  const account = accountOf(rows, correlation, position);
  settle(rows, 'shipments', account, position, data, 'accepted');
  if (account.shipped === 1) return;
  rows.accounts.put({ ...account, shipped: 1 });
  for (const [sku, pieces] of account.takes) {
    const of = skuOf(rows, sku);
    rows.skus.put({ ...of, reserved: of.reserved - pieces, shipped: of.shipped + pieces });
  }
};
