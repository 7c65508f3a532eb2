import type { DatabaseSync } from 'node:sqlite';
import type { Ledger } from '@recourse/contracts/http';
import { sumIn, sumSql } from './ledger-sums.ts';
import { type OrderAccount, orderStates, type SkuAccount } from './ledger-tables.ts';
import type { ViolationList } from './ledger-violations.ts';

/** The ledger's comparisons within the log: `log` names the attached file of accounts, at one position. */

const rowsOf = <Row>(db: DatabaseSync, sql: string) =>
  db.prepare(sql).iterate() as Iterable<unknown> as Iterable<Row>;

type Sums = Readonly<Record<string, unknown>>;

const { open, completed, cancelled, unknown } = orderStates;

/** Per currency: captured − refunded = completed orders + held by open orders. */
export const compareMoney = (db: DatabaseSync, log: string, violations: ViolationList): Ledger['money'] => {
  const rows = rowsOf<Sums & { readonly currency: string }>(
    db,
    `select currency, ${[
      sumSql('captured', 'captured'),
      sumSql('refunded', 'refunded'),
      sumSql('completed', `iif(state = ${completed}, total, 0)`),
      sumSql('held', `iif(state = ${open}, captured - refunded, 0)`),
      sumSql('capturedByPerson', 'capturedByPerson'),
      sumSql('refundedByPerson', 'refundedByPerson'),
      sumSql('authorized', 'authorized'),
      sumSql('voided', 'iif(voids > 0, authorized, 0)'),
      sumSql('authorizedOpen', 'authorizedOpen'),
    ].join(', ')} from ${log}.accounts where currency <> '' group by currency order by currency`,
  );
  return Array.from(rows, (row) => {
    const { currency } = row;
    const sum = (name: string) => sumIn(row, name);
    const kept = sum('captured') - sum('refunded');
    const known = sum('completed') + sum('held');
    if (kept !== known)
      violations.add(
        'money-unbalanced',
        currency,
        `captured ${sum('captured')} − refunded ${sum('refunded')} is ${kept}; completed ${sum('completed')} + held ${sum('held')} is ${known}`,
      );
    return {
      currency,
      captured: Number(sum('captured')),
      refunded: Number(sum('refunded')),
      completed: Number(sum('completed')),
      held: Number(sum('held')),
      capturedByPerson: Number(sum('capturedByPerson')),
      refundedByPerson: Number(sum('refundedByPerson')),
      authorized: Number(sum('authorized')),
      voided: Number(sum('voided')),
      authorizedOpen: Number(sum('authorizedOpen')),
    };
  });
};

/** Per SKU: received = on hand + reserved + shipped. */
export const compareStock = (db: DatabaseSync, log: string, violations: ViolationList): Ledger['stock'] => {
  const wrong = rowsOf<SkuAccount>(
    db,
    `select * from ${log}.skus where received <> onHand + reserved + shipped or min(onHand, reserved, shipped) < 0`,
  );
  for (const { sku, received, onHand, reserved, shipped } of wrong)
    violations.add(
      'stock-unbalanced',
      sku,
      `received ${received}; on hand ${onHand} + reserved ${reserved} + shipped ${shipped} is ${onHand + reserved + shipped}`,
    );
  const names = ['received', 'onHand', 'reserved', 'shipped'] as const;
  const sums = names.map((name) => sumSql(name, name)).join(', ');
  const [row] = [
    ...rowsOf<Sums & { readonly skus: number }>(db, `select count(*) as skus, ${sums} from ${log}.skus`),
  ];
  const [received, onHand, reserved, shipped] = names.map((name) => Number(sumIn(row!, name)));
  return {
    skus: row!.skus,
    received: received!,
    onHand: onHand!,
    reserved: reserved!,
    shipped: shipped!,
  };
};

/** What cannot be of any order; also in SQL, below, so that only such orders are looked at. */
const judge = (it: OrderAccount, violations: ViolationList): void => {
  const add = (code: Parameters<ViolationList['add']>[0], detail: string) =>
    violations.add(code, it.orderId, detail);
  const { total, captured, refunded, captures, authorized, authorizedOpen, authorizations } = it;
  const money = `captured ${captured}, refunded ${refunded}`;
  if (it.state === unknown) add('order-unknown', 'something happened for an order that was never created');
  if (captures > 1) add('charged-twice', `${captures} charges were captured`);
  if (authorizations > 1) add('authorized-twice', `${authorizations} authorisations were given`);
  if (captured > 0 && it.voids > 0) add('captured-and-voided', `${money}, and what was authorised is voided`);
  if (refunded > captured) add('refunded-too-much', money);
  if (it.overReturned === 1) add('returned-too-much', 'more pieces of a SKU were returned than taken');
  const uncaptured = it.state === completed && authorized > 0 && captured === 0;
  if (uncaptured) add('completed-without-capture', `authorised ${authorized}, and never captured`);
  else if (authorizedOpen > 0 && (it.state === completed || it.state === cancelled))
    add(
      'authorization-left-open',
      `of ${authorized} authorised ${authorizedOpen} is neither captured nor voided`,
    );
  if (it.state === completed) {
    if (!uncaptured && captured - refunded !== total)
      add('completed-without-payment', `${money}, of a total of ${total}`);
    if (it.shipped === 0) add('completed-without-shipment', 'completed, and never shipped');
    if (it.takenPieces !== it.pieces)
      add('completed-without-stock', `${it.takenPieces} of ${it.pieces} pieces were taken from stock`);
  }
  if (it.state === cancelled) {
    if (captured > refunded) add('cancelled-but-captured', money);
    if (it.takenSkus !== 0) add('cancelled-but-reserved', `of ${it.takenSkus} SKUs pieces were not returned`);
    if (it.shipped === 1) add('cancelled-but-shipped', 'cancelled, and shipped');
  }
};

/** Judges every order, and counts them. */
export const compareOrders = (db: DatabaseSync, log: string, violations: ViolationList): Ledger['orders'] => {
  const suspects = rowsOf<OrderAccount>(
    db,
    `select * from ${log}.accounts
     where state = ${unknown} or captures > 1 or authorizations > 1 or refunded > captured or overReturned = 1
       or (voids > 0 and captured > 0) or (authorizedOpen > 0 and state in (${completed}, ${cancelled}))
       or (state = ${completed} and (captured - refunded <> total or shipped = 0 or takenPieces <> pieces))
       or (state = ${cancelled} and (captured > refunded or takenSkus <> 0 or shipped = 1))
     order by position`,
  );
  for (const account of suspects) judge(account, violations);
  const counts = rowsOf<{ readonly state: number; readonly orders: number }>(
    db,
    `select state, count(*) as orders from ${log}.accounts group by state`,
  );
  const byState = new Map(Array.from(counts, ({ state, orders }) => [state, orders]));
  return {
    open: byState.get(open) ?? 0,
    completed: byState.get(completed) ?? 0,
    cancelled: byState.get(cancelled) ?? 0,
  };
};
