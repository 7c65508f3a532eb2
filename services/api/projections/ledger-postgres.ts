import type { Participant } from '@recourse/contracts/events';
import { formatPosition, type Ledger } from '@recourse/contracts/http';
import { UnavailableError } from '@recourse/infra/errors';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Postgres } from '@recourse/infra/postgres/connect';
import { openStoredProjections, type StoredProjections } from '@recourse/infra/postgres/projections/stored';
import type { Reads } from '@recourse/infra/project/select';
import { oneAtATime } from '../one-at-a-time.ts';
import { ledgerProjection } from './ledger.ts';
import { compareMoney, compareOrders, compareStock } from './ledger-accounts.ts';
import { type Books, countBooks, findSettled, simulatedBooks } from './ledger-books.ts';
import { type Entry, judgeOpen, openEntries } from './ledger-open.ts';
import { type ViolationList, violationList } from './ledger-violations.ts';

/** What the ledger needs. The log's positions are those that the projection shows. */
export type PostgresLedgerOptions = {
  readonly postgres: Postgres;
  readonly log: Pick<EventLog, 'head'>;
  readonly clock: Clock;
  /** Participants that are somebody else's program, whose provider or carrier is not the simulated one. */
  readonly foreign?: ReadonlySet<Participant>;
  /** How long it waits for the projection to show the log's head. Default: 30 s. */
  readonly waitMsMax?: number;
};

/**
 * The ledger over accounts and books in PostgreSQL: computed now, at the log's head; calls at the same time share one.
 * Rejects with `UnavailableError` where something that it needs cannot be reached, or nobody fills the projection.
 */
export const postgresLedger = (options: PostgresLedgerOptions): (() => Promise<Ledger>) =>
  oneAtATime(() => computeLedger(options));

/**
 * Accounts and books are read in one snapshot: so every outcome seen is in the books. An entry of the books without its
 * outcome, or its intent, may only be ahead of the accounts; those are looked at again, as they were, once the accounts
 * show the head that the log had after the snapshot.
 */
const computeLedger = async (options: PostgresLedgerOptions): Promise<Ledger> => {
  const { postgres, log, clock, foreign, waitMsMax = 30_000 } = options;
  const kept = simulatedBooks.map((it) => ({ ...it, foreign: foreign?.has(askedBy[it.keptBy]) === true }));
  const stored = openStoredProjections({ postgres, projections: [ledgerProjection], log, clock });
  try {
    await reached(stored, await log.head(), clock, waitMsMax);
    const violations = violationList();
    const { rows: seen, position } = await stored.read('ledger', () => compareAll(kept, violations));
    await reached(stored, await log.head(), clock, waitMsMax);
    const { rows: inFlight } = await stored.read('ledger', () => judgeAll(seen.open, violations));
    const { money, stock, orders, entries } = seen;
    const books = { ...entries, inFlight };
    return { position: formatPosition(position), money, stock, books, orders, violations: violations.all() };
  } finally {
    await stored.close();
  }
};

/** Whose acts are in which books. */
const askedBy = { gateway: 'payment', carrier: 'shipping' } as const;

/** Resolves when the accounts show a position. */
const reached = async (stored: StoredProjections, position: number, clock: Clock, waitMsMax: number) => {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(waitMsMax, () =>
    late.reject(
      new UnavailableError(
        `the ledger's accounts have not come to ${position} within ${waitMsMax} ms: does a projector run?`,
      ),
    ),
  );
  try {
    await Promise.race([stored.waitFor(position), late.promise]);
  } finally {
    cancel();
  }
};

type Open = { readonly books: Books; readonly entries: readonly Entry[] };

/** All that one snapshot can tell, and the entries that it leaves open. */
function* compareAll(kept: readonly Books[], violations: ViolationList) {
  const money = yield* compareMoney(violations);
  const stock = yield* compareStock(violations);
  const orders = yield* compareOrders(violations);
  const entries = {} as Record<Books['kind'], number>;
  const open: Open[] = [];
  for (const books of kept) {
    // What is seen of the log now was in the books before: no outcome is too young for them.
    const counts = yield* countBooks(books, Number.MAX_SAFE_INTEGER);
    entries[books.kind] = counts.entries;
    if (counts.settledWrong > 0) yield* findSettled(books, Number.MAX_SAFE_INTEGER, violations);
    open.push({ books, entries: yield* openEntries(books, counts) });
  }
  return { money, stock, orders, entries, open };
}

/** Judges those entries by what the log says of them since; returns how many have no outcome still. */
function* judgeAll(open: readonly Open[], violations: ViolationList): Reads<number> {
  let inFlight = 0;
  for (const { books, entries } of open) inFlight += yield* judgeOpen(books, entries, violations);
  return inFlight;
}
