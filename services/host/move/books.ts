import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { EntryTables } from '@recourse/infra/books-rules';
import type { Sql } from '@recourse/infra/postgres/connect';
import { gatewayTables } from '@recourse/payment/gateway-books';
import { carrierTables } from '@recourse/shipping/carrier-books';
import type { Differences } from './differences.ts';

/** How many entries are read and written at once. */
const entriesMax = 2_000;

type Entry = Readonly<Record<string, string | number | null>>;
type Kind = 'text' | 'integer';

/** A table of the books: how it is read from its file, and where it stands in PostgreSQL. */
type BookTable = {
  readonly file: string;
  readonly name: string;
  readonly columns: readonly (readonly [name: string, type: Kind])[];
  /** Beside the columns: what ended an authorisation, which a file does not say. */
  readonly ended?: string;
  /** Its entries have numbers, which are the table's own. */
  readonly numbered?: true;
};

const tablesOf = (file: string, tables: EntryTables): BookTable[] => [
  ...Object.entries(tables).map(([name, { columns }]): BookTable => {
    const enders = Object.keys(tables).filter((it) => tables[it]!.ends === name);
    const counted = [...Object.entries(columns), ['calls', 'integer'] as const];
    if (enders.length === 0) return { file, name, columns: counted };
    return {
      file,
      name,
      columns: [['number', 'integer'], ...counted],
      ended: `CASE ${enders.map((it) => `WHEN number IN (SELECT number FROM ${it}) THEN '${it}'`).join(' ')} END`,
      numbered: true,
    };
  }),
  {
    file,
    name: 'unreached',
    columns: [
      ['key', 'text'],
      ['calls', 'integer'],
    ],
  },
];

const bookTables: readonly BookTable[] = [
  ...tablesOf('gateway.db', gatewayTables),
  ...tablesOf('carrier.db', carrierTables),
];

/** The tables of all books in PostgreSQL. */
export const simulatedTables: readonly string[] = [
  ...new Set(bookTables.map(({ name }) => `simulated_${name}`)),
];

const columnsOf = ({ columns, ended }: BookTable): readonly (readonly [name: string, type: Kind])[] =>
  ended === undefined ? columns : [...columns, ['ended', 'text']];

/** Copies the books of the simulated provider and carrier; an entry that is there already becomes what it is in the folder. */
export const copyBooks = async (dataDir: string, query: Sql): Promise<void> => {
  for (const table of bookTables) {
    const columns = columnsOf(table);
    for (const entries of pagesOf(dataDir, table))
      await query(
        upsert(table),
        columns.map(([name]) => entries.map((entry) => entry[name])),
      );
    if (table.numbered)
      await query(
        `select setval(pg_get_serial_sequence('simulated_${table.name}', 'number'), max(number)) from simulated_${table.name}
         having max(number) is not null`,
      );
  }
};

const upsert = (table: BookTable): string => {
  const columns = columnsOf(table);
  const names = columns.map(([name]) => `"${name}"`).join(', ');
  const arrays = columns.map(([, type], index) => `$${index + 1}::${type === 'text' ? 'text' : 'bigint'}[]`);
  const changed = columns
    .filter(([name]) => name !== 'key' && name !== 'number')
    .map(([name]) => `"${name}"`);
  return `insert into simulated_${table.name} as b (${names}) ${table.numbered ? 'overriding system value' : ''}
    select * from unnest(${arrays.join(', ')})
    on conflict (key) do update set ${changed.map((name) => `${name} = excluded.${name}`).join(', ')}
    where (${changed.map((name) => `b.${name}`).join(', ')}) is distinct from (${changed.map((name) => `excluded.${name}`).join(', ')})`;
};

/** Compares the books entry by entry, and says how many entries the folder has. */
export const compareBooks = async (dataDir: string, query: Sql, found: Differences): Promise<number> => {
  let entries = 0;
  const counts = new Map<string, number>();
  for (const table of bookTables) {
    const columns = columnsOf(table).map(([name]) => name);
    const names = columns.map((name) => `"${name}"`).join(', ');
    for (const page of pagesOf(dataDir, table)) {
      entries += page.length;
      counts.set(table.name, (counts.get(table.name) ?? 0) + page.length);
      const there = await query<Entry>(
        `select ${names} from simulated_${table.name} where key = any($1::text[])`,
        [page.map(({ key }) => key)],
      );
      const byKey = new Map(there.map((entry) => [entry.key, entry]));
      for (const entry of page) {
        const same = columns.every((name) => entry[name] === byKey.get(entry.key!)?.[name]);
        if (!same) found.add(`the entry ${entry.key} of ${table.name} is not what it is in the folder`);
      }
    }
  }
  for (const name of simulatedTables) {
    const expected = counts.get(name.slice('simulated_'.length)) ?? 0;
    const [row] = await query<{ count: number }>(`select count(*) as count from ${name}`);
    if (row!.count !== expected) found.add(`${name} holds ${row!.count} entries, and the folder ${expected}`);
  }
  return entries;
};

/** The entries of a table by their keys, a page at a time; none where the file, or the table, is not there. */
function* pagesOf(dataDir: string, table: BookTable): Generator<readonly Entry[]> {
  const path = join(dataDir, 'simulated', table.file);
  if (!existsSync(path)) return;
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const isThere = db
      .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")
      .get(table.name);
    if (isThere === undefined) return;
    const names = columnsOf(table).map(([name]) => (name === 'ended' ? `${table.ended} AS ended` : name));
    const page = db.prepare(
      `SELECT ${names.join(', ')} FROM ${table.name} WHERE key > ? ORDER BY key LIMIT ${entriesMax}`,
    );
    for (let after = ''; ; ) {
      const entries = page.all(after) as unknown as Entry[];
      if (entries.length === 0) return;
      yield entries;
      after = String(entries.at(-1)!.key);
    }
  } finally {
    db.close();
  }
}
