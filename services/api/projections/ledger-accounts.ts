import type { Ledger } from '@recourse/contracts/http';
import { type Reads, select } from '@recourse/infra/project/select';
import { sumIn, sumSql } from './ledger-sums.ts';
import { type OrderAccount, orderStates, type SkuAccount } from './ledger-tables.ts';
import type { ViolationList } from './ledger-violations.ts';

/** The ledger's comparisons within the log: reads of its accounts, at one position. */

type Sums = Readonly<Record<string, unknown>>;

const { open, completed, cancelled, unknown } = orderStates;

/** What is added up of the orders of a currency. */
const moneySums = {
  captured: 'captured',
  refunded: 'refunded',
  completed: `case when state = ${completed} then total else 0 end`,
  held: `case when state = ${open} then captured - refunded else 0 end`,
  capturedByPerson: 'capturedByPerson',
  refundedByPerson: 'refundedByPerson',
  authorized: 'authorized',
  voided: 'case when voids > 0 then authorized else 0 end',
  authorizedOpen: 'authorizedOpen',
} as const;

const moneySql = `select currency, ${Object.entries(moneySums)
  .map(([name, expression]) => sumSql(name, expression))
  .join(', ')} from accounts where currency <> '' group by currency order by currency`;

/** Per currency: captured − refunded = completed orders + held by open orders. */
export function* compareMoney(violations: ViolationList): Reads<Ledger['money']> {
  const rows = yield* select<Sums & { readonly currency: string }>(moneySql);
  return rows.map((row) => {
    const { currency } = row;
    const sum = (name: keyof typeof moneySums) => sumIn(row, name);
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
}

/** How many rows that are wrong are read at once. */
const pageRows = 10_000;

const stockNames = ['received', 'onHand', 'reserved', 'shipped'] as const;
const stockSql = `select count(*) as skus, ${stockNames.map((name) => sumSql(name, name)).join(', ')} from skus`;
const wrongStockSql = `select * from skus
  where (received <> onHand + reserved + shipped or onHand < 0 or reserved < 0 or shipped < 0) and sku > ?
  order by sku limit ${pageRows}`;

/** Per SKU: received = on hand + reserved + shipped. */
export function* compareStock(violations: ViolationList): Reads<Ledger['stock']> {
  for (let after = ''; ; ) {
    const wrong = yield* select<SkuAccount>(wrongStockSql, after);
    for (const { sku, received, onHand, reserved, shipped } of wrong)
      violations.add(
        'stock-unbalanced',
        sku,
        `received ${received}; on hand ${onHand} + reserved ${reserved} + shipped ${shipped} is ${onHand + reserved + shipped}`,
      );
    if (wrong.length < pageRows) break;
    after = wrong.at(-1)!.sku;
  }
  const [row] = yield* select<Sums & { readonly skus: number }>(stockSql);
  const [received, onHand, reserved, shipped] = stockNames.map((name) => Number(sumIn(row!, name)));
  return {
    skus: row!.skus,
    received: received!,
    onHand: onHand!,
    reserved: reserved!,
    shipped: shipped!,
  };
}

const suspectsSql = `select * from accounts
  where (state = ${unknown} or captures > 1 or authorizations > 1 or refunded > captured or overReturned = 1
    or (voids > 0 and captured > 0) or (authorizedOpen > 0 and state in (${completed}, ${cancelled}))
    or (state = ${completed} and (captured - refunded <> total or shipped = 0 or takenPieces <> pieces))
    or (state = ${cancelled} and (captured > refunded or takenSkus <> 0 or shipped = 1)))
    and position > ?
  order by position limit ${pageRows}`;
const countsSql = 'select state, count(*) as orders from accounts group by state';

/** Judges every order, and counts them. */
export function* compareOrders(violations: ViolationList): Reads<Ledger['orders']> {
  for (let after = 0; ; ) {
    const suspects = yield* select<OrderAccount>(suspectsSql, after);
    for (const account of suspects) judge(account, violations);
    if (suspects.length < pageRows) break;
    after = suspects.at(-1)!.position;
  }
  const counts = yield* select<{ readonly state: number; readonly orders: number }>(countsSql);
  const byState = new Map(counts.map(({ state, orders }) => [state, orders]));
  return {
    open: byState.get(open) ?? 0,
    completed: byState.get(completed) ?? 0,
    cancelled: byState.get(cancelled) ?? 0,
  };
}

/** What cannot be of any order; also in SQL, above, so that only such orders are looked at. */
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
