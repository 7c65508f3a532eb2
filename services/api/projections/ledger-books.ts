import { type Reads, select } from '@recourse/infra/project/select';
import { type ActKind, orderStates } from './ledger-tables.ts';
import type { ViolationCode, ViolationList } from './ledger-violations.ts';

/**
 * The ledger's comparison of the log with the books of the payment provider and the carrier: reads of acts `a` and
 * entries `b`, which stand in tables of the same names, those of the books with `simulated_` before them.
 */

const { completed, cancelled } = orderStates;

/** One kind of entry in the books, and how to read it. */
export type Books = {
  readonly kind: ActKind;
  readonly keptBy: 'gateway' | 'carrier';
  /** SQL: whether what was asked was done; else it was declined. */
  readonly accepted: string;
  /** Whether entries have an amount and a currency. */
  readonly money: boolean;
  /** Books that an older Recourse kept do not have it. */
  readonly addedLater?: true;
  /** What is asked for without an intent is somebody else's program's, and in books that we do not see. */
  readonly foreign?: boolean;
};

/** The simulated provider's and carrier's books. */
export const simulatedBooks: readonly Books[] = [
  { kind: 'charges', keptBy: 'gateway', accepted: 'b.accepted = 1', money: true },
  { kind: 'refunds', keptBy: 'gateway', accepted: 'true', money: true },
  { kind: 'authorizations', keptBy: 'gateway', accepted: 'b.accepted = 1', money: true, addedLater: true },
  { kind: 'captures', keptBy: 'gateway', accepted: 'true', money: true, addedLater: true },
  { kind: 'voids', keptBy: 'gateway', accepted: 'true', money: false, addedLater: true },
  { kind: 'shipments', keptBy: 'carrier', accepted: 'b.accepted = 1', money: false },
  { kind: 'cancellations', keptBy: 'carrier', accepted: 'b.cancelled = 1', money: false },
];

/** An act that does not agree with its entry. */
export type Compared = {
  readonly account: number;
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

/** What is looked for, as SQL. Few acts are open, so few accounts are looked up. */
export const conditionsOf = ({ kind, accepted, money, foreign = false }: Books) => {
  const inBooks = '(b.key is not null)';
  // A cancellation ends the shipment that it cancels.
  const open = kind === 'shipments' ? 'o.shipmentCancelled = 0' : 'true';
  const unsettled = (account: string) =>
    `(${inBooks} and a.outcome is null and (select ${account} from accounts o where o.position = a.account))`;
  const stranded = unsettled(`o.state in (${completed}, ${cancelled}) and ${open}`);
  // What was captured or asked for in another amount than the books say; declined charges moved none.
  const amount = money ? '(b.amount <> a.amount and a.intended = 1 or b.currency <> a.currency)' : 'false';
  const settledAmount = money ? `(a.outcome = 'accepted' and b.amount <> a.settled)` : 'false';
  const differs = `(a.outcome = 'accepted' and not (${accepted}) or a.outcome <> 'accepted' and (${accepted}))`;
  const ours = foreign ? 'a.intended = 1' : `(a.intended = 1 or a.outcome = 'accepted')`;
  const missing = `(b.key is null and a.heardAt <= ? and ${ours})`;
  return {
    /** An entry whose outcome the log does not have yet. */
    inFlight: unsettled(open),
    stranded,
    /** Wrong, and nothing that the log may say yet can change it. Takes the position up to which outcomes count. */
    settledWrong: `(${missing} or ${inBooks} and a.outcome is not null
      and (a.intended = 0 or ${differs} or ${amount} or ${settledAmount}))`,
    /** Wrong, as it looks while the outcome is not known. */
    openWrong: `(${inBooks} and a.outcome is null and (a.intended = 0 or ${amount} or ${stranded}))`,
  };
};

/** How many acts have an entry and how many do not agree with it, and the number of entries. */
export type BooksCounts = {
  readonly matched: number;
  readonly inFlight: number;
  readonly settledWrong: number;
  readonly openWrong: number;
  readonly entries: number;
};

const flag = (condition: string) => `case when ${condition} then 1 else 0 end`;

/** Counts what `findSettled` and `findOpen` would find. Outcomes up to `position` must be in the books. */
export function* countBooks(books: Books, position: number): Reads<BooksCounts> {
  const { kind } = books;
  const { inFlight, settledWrong, openWrong } = conditionsOf(books);
  const [found] = yield* select<Omit<BooksCounts, 'entries'>>(
    `select count(b.key) as matched, count(*) filter (where ${inFlight}) as inFlight,
       count(*) filter (where ${settledWrong}) as settledWrong, count(*) filter (where ${openWrong}) as openWrong
     from ${kind} a left join simulated_${kind} b on b.key = a.commandId`,
    position,
  );
  const [{ entries }] = (yield* select<{ entries: number }>(
    `select count(*) as entries from simulated_${kind}`,
  )) as [{ entries: number }];
  return { ...found!, entries };
}

/** The columns of `Compared`, of acts `a`, entries `b` and accounts `o`. */
export const comparedSql = (books: Books): string => {
  const { accepted, money } = books;
  return `a.account, o.orderId, a.commandId, ${flag('b.key is not null')} as inBooks, ${flag(accepted)} as accepted,
    ${money ? 'b.amount, b.currency' : `0 as amount, '' as currency`}, a.outcome, a.intended,
    a.amount as intendedAmount, a.currency as intendedCurrency, a.settled,
    ${flag(conditionsOf(books).stranded)} as stranded`;
};

/** How many rows are read at once. */
const pageRows = 10_000;

/** Names the acts that have their outcome, and do not agree with their entries. */
export const findSettled = (books: Books, position: number, violations: ViolationList): Reads<void> =>
  findWrong(books, conditionsOf(books).settledWrong, [position], violations);

/** Names the acts that are open, and do not agree with their entries, or are open too long. */
export const findOpen = (books: Books, violations: ViolationList): Reads<void> =>
  findWrong(books, conditionsOf(books).openWrong, [], violations);

function* findWrong(
  books: Books,
  wrong: string,
  values: readonly number[],
  violations: ViolationList,
): Reads<void> {
  const { kind } = books;
  const sql = `select ${comparedSql(books)}
    from ${kind} a left join simulated_${kind} b on b.key = a.commandId join accounts o on o.position = a.account
    where ${wrong} and (a.account, a.commandId) > (?, ?) order by a.account, a.commandId limit ${pageRows}`;
  for (let after: readonly [number, string] = [0, '']; ; ) {
    const rows = yield* select<Compared>(sql, ...values, ...after);
    for (const it of rows) judge(kind, it, violations);
    if (rows.length < pageRows) return;
    const { account, commandId } = rows.at(-1)!;
    after = [account, commandId];
  }
}

/** Says what is wrong with an act. */
export const judge = (kind: ActKind, it: Compared, violations: ViolationList): void => {
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

/** Says that no record of the log names an entry of the books. */
export const unknownEntry = (kind: ActKind, key: string, violations: ViolationList): void =>
  violations.add('books-without-intent', key, `${kind} ${key} is in the books, its intent is not in the log`);

/** Names the entries of the books whose key no record of the log names. */
export function* findUnknown({ kind }: Books, violations: ViolationList): Reads<void> {
  const sql = `select b.key from simulated_${kind} b left join ${kind} a on a.commandId = b.key
    where a.commandId is null and b.key > ? order by b.key limit ${pageRows}`;
  for (let after = ''; ; ) {
    const rows = yield* select<{ readonly key: string }>(sql, after);
    for (const { key } of rows) unknownEntry(kind, key, violations);
    if (rows.length < pageRows) return;
    after = rows.at(-1)!.key;
  }
}
