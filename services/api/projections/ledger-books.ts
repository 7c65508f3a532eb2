import type { DatabaseSync } from 'node:sqlite';
import { type ActKind, orderStates } from './ledger-tables.ts';
import type { ViolationCode, ViolationList } from './ledger-violations.ts';

/** The ledger's comparison of the log with the books of the payment provider and the carrier. */

const { completed, cancelled } = orderStates;

/** One kind of entry in the books: where it stands, and how to read it. */
export type Books = {
  readonly kind: ActKind;
  /** The attached file and its table. */
  readonly table: string;
  /** SQL over an entry `b`: 1 where what was asked was done, 0 where it was declined. */
  readonly accepted: string;
  /** Whether entries have an amount and a currency. */
  readonly money: boolean;
  /** Books that an older Recourse kept do not have it. */
  readonly addedLater?: true;
};

/** The tables of the simulated provider's and carrier's books. */
export const simulatedBooks: readonly Books[] = [
  { kind: 'charges', table: 'gateway.charges', accepted: 'b.accepted', money: true },
  { kind: 'refunds', table: 'gateway.refunds', accepted: '1', money: true },
  {
    kind: 'authorizations',
    table: 'gateway.authorizations',
    accepted: 'b.accepted',
    money: true,
    addedLater: true,
  },
  { kind: 'captures', table: 'gateway.captures', accepted: '1', money: true, addedLater: true },
  { kind: 'voids', table: 'gateway.voids', accepted: '1', money: false, addedLater: true },
  { kind: 'shipments', table: 'carrier.shipments', accepted: 'b.accepted', money: false },
  { kind: 'cancellations', table: 'carrier.cancellations', accepted: 'b.cancelled', money: false },
];

type Compared = {
  readonly orderId: string;
  readonly commandId: string;
  readonly inBooks: 0 | 1;
  readonly accepted: 0 | 1;
  readonly amount: number;
  readonly currency: string;
  readonly outcome: string | null;
  readonly intended: 0 | 1;
  readonly intendedAmount: number;
  readonly intendedCurrency: string;
  readonly settled: number;
  /** 1: still open, and its order has ended. */
  readonly stranded: 0 | 1;
};

/** What was captured or asked for in another amount than the books say; declined charges moved none. */
const amountSql = `(b.amount <> a.amount and a.intended = 1 or b.currency <> a.currency
  or a.outcome = 'accepted' and b.amount <> a.settled)`;

/** SQL over an act `a` and its entry `b`: what is looked for. Few acts are open, so few accounts are looked up. */
const conditions = (log: string, { kind, accepted, money }: Books) => {
  const account = (condition: string) =>
    `(a.outcome is null and (select ${condition} from ${log}.accounts o where o.position = a.account))`;
  // A cancellation ends the shipment that it cancels.
  const open = kind === 'shipments' ? 'o.shipmentCancelled = 0' : 'true';
  const differs = `(a.outcome is not null and (a.outcome = 'accepted') <> ${accepted})`;
  const stranded = account(`o.state in (${completed}, ${cancelled}) and ${open}`);
  const missing = `(b.key is null and a.heardAt <= ? and (a.intended = 1 or a.outcome = 'accepted'))`;
  return {
    inFlight: `(b.key is not null and ${account(open)})`,
    stranded,
    wrong: `(${missing} or b.key is not null
      and (a.intended = 0 or ${differs} or ${money ? amountSql : 'false'} or ${stranded}))`,
  };
};

/**
 * Compares one kind of entry with the acts at `log`. Outcomes up to `position` must be in the books; entries of the
 * books must have their intent wherever the log stands by now.
 */
export const compareBooks = (
  db: DatabaseSync,
  log: string,
  position: number,
  books: Books,
  violations: ViolationList,
): { readonly entries: number; readonly inFlight: number } => {
  const { kind, table } = books;
  const { inFlight, wrong } = conditions(log, books);
  const found = db
    .prepare(
      `select count(b.key) as matched, count(iif(${inFlight}, 1, null)) as inFlight,
         count(iif(${wrong}, 1, null)) as wrong
       from ${log}.${kind} a left join ${table} b on b.key = a.commandId`,
    )
    .get(position) as { readonly matched: number; readonly inFlight: number; readonly wrong: number };
  const { entries } = db.prepare(`select count(*) as entries from ${table}`).get() as { entries: number };
  if (found.wrong > 0) findWrong(db, log, position, books, violations);
  // Keys are unique on both sides: only where the numbers differ there is an entry to be looked for.
  if (entries !== found.matched) findUnknown(db, log, books, violations);
  return { entries, inFlight: found.inFlight };
};

/** Acts that do not agree with their entries. */
const findWrong = (
  db: DatabaseSync,
  log: string,
  position: number,
  books: Books,
  violations: ViolationList,
) => {
  const { kind, table, accepted, money } = books;
  const { stranded, wrong } = conditions(log, books);
  const rows = db
    .prepare(
      `select o.orderId, a.commandId, b.key is not null as inBooks, ${accepted} as accepted,
         ${money ? 'b.amount, b.currency' : `0 as amount, '' as currency`}, a.outcome, a.intended,
         a.amount as intendedAmount, a.currency as intendedCurrency, a.settled, ${stranded} as stranded
       from ${log}.${kind} a left join ${table} b on b.key = a.commandId
         join ${log}.accounts o on o.position = a.account
       where ${wrong} order by a.account`,
    )
    .iterate(position) as Iterable<unknown> as Iterable<Compared>;
  for (const it of rows) judge(kind, it, violations);
};

const judge = (kind: ActKind, it: Compared, violations: ViolationList): void => {
  const { orderId, outcome } = it;
  const act = `${kind} ${it.commandId}`;
  const add = (code: ViolationCode, detail: string) => violations.add(code, orderId, `${act} ${detail}`);
  if (it.inBooks === 0) add('outcome-not-in-books', `is ${outcome} in the log only`);
  else if (it.intended === 0) add('books-without-intent', 'is in the books, its intent is not in the log');
  else {
    const inBooks = it.accepted === 1 ? 'accepted' : 'declined';
    if (it.stranded === 1)
      add('in-flight-after-end', `is ${inBooks} in the books, and not in the ended order`);
    else if (outcome !== null && (outcome === 'accepted') !== (it.accepted === 1))
      add('books-outcome-differs', `is ${outcome} in the log, ${inBooks} in the books`);
    const inLog = outcome === 'accepted' ? it.settled : it.intendedAmount;
    if (it.amount !== it.intendedAmount || it.amount !== inLog || it.currency !== it.intendedCurrency)
      add(
        'books-amount-differs',
        `is ${inLog} ${it.intendedCurrency} in the log, ${it.amount} ${it.currency} in the books`,
      );
  }
};

/** Entries of the books whose key no record of the log names. */
const findUnknown = (db: DatabaseSync, log: string, { kind, table }: Books, violations: ViolationList) => {
  const unknown = db
    .prepare(
      `select key from ${table} where key not in (select commandId from ${log}.${kind}) order by rowid`,
    )
    .iterate() as Iterable<unknown> as Iterable<{ readonly key: string }>;
  for (const { key } of unknown)
    violations.add(
      'books-without-intent',
      key,
      `${kind} ${key} is in the books, its intent is not in the log`,
    );
};
