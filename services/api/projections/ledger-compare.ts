import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { formatPosition, type Ledger } from '@recourse/contracts/http';
import type { Folding } from '@recourse/infra/project/fold';
import { compareMoney, compareOrders, compareStock } from './ledger-accounts.ts';
import { type Books, compareBooks, simulatedBooks } from './ledger-books.ts';
import { violationList } from './ledger-violations.ts';

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

/** Opens the ledger's file twice over (`main`, `later`), and the books, for reading. */
const openBeside = (path: string, books: BooksPaths) => {
  const db = new DatabaseSync(path, { readOnly: true, timeout: busyMsMax });
  db.exec(`pragma cache_size = -${cacheKiBMax}`);
  db.prepare('attach ? as later').run(path);
  for (const name of ['gateway', 'carrier'] as const)
    if (existsSync(books[name])) db.prepare(`attach ? as ${name}`).run(books[name]);
  const tables = simulatedBooks.map((it): Books => {
    const [name, table] = it.table.split('.') as ['gateway' | 'carrier', string];
    const isThere = existsSync(books[name]) && (it.addedLater !== true || hasTable(db, name, table));
    if (isThere) return it;
    db.exec(`create temp table ${table} (${standIns[it.kind]})`);
    return { ...it, table: `temp.${table}` };
  });
  return { db, tables };
};

/**
 * Computes the ledger, in the thread that fills it. Each attached file is seen as it was when it was first read in
 * the transaction: the accounts at the log's head, then the books, then (`later`) the accounts at the head that the
 * log has by then. So every outcome seen is old enough to be in the books, and every entry seen old enough to have
 * its intent in the log. Throws where the projection is stuck or a file cannot be read.
 */
export const computeLedger = (folding: Folding, paths: BooksPaths): Ledger => {
  const { position } = folding.catchUp('ledger');
  const { file } = folding.running().find((it) => it.projection.name === 'ledger')!;
  const { db, tables } = openBeside(file.path, paths);
  try {
    const fix = (table: string) => db.prepare(`select 1 from ${table} limit 1`).get();
    db.exec('begin');
    fix('main.checkpoint');
    for (const { table } of tables) fix(table);
    folding.catchUp('ledger');
    fix('later.checkpoint');

    const violations = violationList();
    const money = compareMoney(db, 'main', violations);
    const stock = compareStock(db, 'main', violations);
    const orders = compareOrders(db, 'main', violations);
    const entries = {} as Record<Books['kind'], number>;
    let inFlight = 0;
    for (const it of tables) {
      const compared = compareBooks(db, 'later', position, it, violations);
      entries[it.kind] = compared.entries;
      inFlight += compared.inFlight;
    }
    return {
      position: formatPosition(position),
      money,
      stock,
      books: { ...entries, inFlight },
      orders,
      violations: violations.all(),
    };
  } finally {
    db.close();
  }
};
