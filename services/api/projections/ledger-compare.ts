import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { formatPosition, type Ledger } from '@recourse/contracts/http';
import type { Folding } from '@recourse/infra/project/fold';
import { answered, type Reads } from '@recourse/infra/project/select';
import { compareMoney, compareOrders, compareStock } from './ledger-accounts.ts';
import {
  type Books,
  countBooks,
  findOpen,
  findSettled,
  findUnknown,
  simulatedBooks,
} from './ledger-books.ts';
import { type ViolationList, violationList } from './ledger-violations.ts';

/** Where the books are: SQLite files. One that does not exist yet has no entries. */
export type BooksPaths = { readonly gateway: string; readonly carrier: string };

const cacheKiBMax = 16_384;
const busyMsMax = 5_000;

/** Columns of the tables that stand in for those of books that do not exist yet. */
const standIns: Readonly<Record<Books['kind'], string>> = {
  charges: 'key unique, amount, currency, accepted',
  refunds: 'key unique, amount, currency',
  authorizations: 'key unique, amount, currency, accepted',
  captures: 'key unique, amount, currency',
  voids: 'key unique',
  shipments: 'key unique, accepted',
  cancellations: 'key unique, cancelled',
};

const hasTable = (db: DatabaseSync, file: string, table: string) =>
  db.prepare(`select 1 from ${file}.sqlite_schema where type = 'table' and name = ?`).get(table) !==
  undefined;

/** Opens the ledger's file twice over (`main`, `later`), and the books, for reading; by kind, where its entries are. */
const openBeside = (path: string, books: BooksPaths) => {
  const db = new DatabaseSync(path, { readOnly: true, timeout: busyMsMax });
  db.exec(`pragma cache_size = -${cacheKiBMax}`);
  db.prepare('attach ? as later').run(path);
  for (const name of ['gateway', 'carrier'] as const)
    if (existsSync(books[name])) db.prepare(`attach ? as ${name}`).run(books[name]);
  const tables = simulatedBooks.map(({ kind, keptBy, addedLater }) => {
    const isThere = existsSync(books[keptBy]) && (addedLater !== true || hasTable(db, keptBy, kind));
    if (!isThere) db.exec(`create temp table ${kind} (${standIns[kind]})`);
    return [kind, `${isThere ? keptBy : 'temp'}.${kind}`] as const;
  });
  return { db, tables: new Map<string, string>(tables) };
};

/** Runs reads over the accounts of one of both files, and the books. */
const readsOver =
  ({ db, tables }: ReturnType<typeof openBeside>, log: 'main' | 'later') =>
  <T>(reads: Reads<T>): T =>
    answered((sql, ...values) => {
      const named = sql.replaceAll(
        /\b(from|join) (simulated_)?(\w+)/g,
        (_, before: string, simulated: string | undefined, table: string) =>
          `${before} ${simulated === undefined ? `${log}.${table}` : tables.get(table)}`,
      );
      return db.prepare(named).all(...values);
    }, reads);

/**
 * Computes the ledger, in the thread that fills it. Each attached file is seen as it was when it was first read in
 * the transaction: the accounts at the log's head, then the books, then (`later`) the accounts at the head that the
 * log has by then. So every outcome seen is old enough to be in the books, and every entry seen old enough to have
 * its intent in the log. Throws where the projection is stuck or a file cannot be read.
 */
export const computeLedger = (folding: Folding, paths: BooksPaths): Ledger => {
  const { position } = folding.catchUp('ledger');
  const { file } = folding.running().find((it) => it.projection.name === 'ledger')!;
  const beside = openBeside(file.path, paths);
  const { db, tables } = beside;
  try {
    const fix = (table: string) => db.prepare(`select 1 from ${table} limit 1`).get();
    db.exec('begin');
    fix('main.checkpoint');
    for (const table of tables.values()) fix(table);
    folding.catchUp('ledger');
    fix('later.checkpoint');

    const violations = violationList();
    const read = readsOver(beside, 'main');
    const money = read(compareMoney(violations));
    const stock = read(compareStock(violations));
    const orders = read(compareOrders(violations));
    const books = readsOver(beside, 'later')(compareBooks(position, violations));
    return { position: formatPosition(position), money, stock, books, orders, violations: violations.all() };
  } finally {
    db.close();
  }
};

/** All books with the acts of later: first what has its outcome, then what is open or not known. */
function* compareBooks(position: number, violations: ViolationList): Reads<Ledger['books']> {
  const entries = {} as Record<Books['kind'], number>;
  const looked = [];
  for (const books of simulatedBooks) {
    const counts = yield* countBooks(books, position);
    entries[books.kind] = counts.entries;
    if (counts.settledWrong > 0) yield* findSettled(books, position, violations);
    looked.push({ books, counts });
  }
  let inFlight = 0;
  for (const { books, counts } of looked) {
    inFlight += counts.inFlight;
    if (counts.openWrong > 0) yield* findOpen(books, violations);
    // Keys are unique on both sides: only where the numbers differ there is an entry to be looked for.
    if (counts.entries !== counts.matched) yield* findUnknown(books, violations);
  }
  return { ...entries, inFlight };
}
