import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import type { Rows, TableSpec, Value } from './projection.ts';

type Row = Readonly<Record<string, unknown>>;
type Entry = { row: Row; stored: Row | undefined; changed: boolean };

/** How many rows of a table stay in memory, at least; at most twice as many and one batch. */
const rowsCachedMax = 1_024;

const hotSql = ([column, value]: NonNullable<TableSpec['hot']>): string =>
  typeof value === 'string' ? `${column} = '${value.replaceAll("'", "''")}'` : `${column} is ${value}`;

/** The SQL that makes a table, with what its fold needs to look rows up by. */
export const tableSql = (name: string, spec: TableSpec): string => {
  const { columns, key, clustered, hot } = spec;
  const declared = Object.entries(columns).map(([column, sql]) => `${column} ${sql}`);
  if (clustered) declared.push(`primary key (${key.join(', ')})`);
  const create = `create table ${name} (${declared.join(', ')})${clustered ? ' without rowid' : ''};`;
  const byKey = hot && `create unique index ${name}_hot on ${name} (${key.join(', ')}) where ${hotSql(hot)};`;
  return `${create}\n${byKey ?? ''}`;
};

/** The indexes that only readers need: cheaper made in the end than kept while a long log is folded. */
export const indexSql = (table: string, { indexes = [] }: TableSpec) =>
  indexes.map((on, n) => {
    const name = `${table}_${n + 1}`;
    return { name, sql: `create index ${name} on ${table} ${on}` };
  });

/** Writes rows into one table: a new one whole, a changed one with only the columns that differ. */
const rowWriter = (db: DatabaseSync, name: string, spec: TableSpec) => {
  const columns = Object.keys(spec.columns);
  // Where a row lies: by its number, where it has one, else by its key.
  const number = columns.find((column) => spec.columns[column] === 'integer primary key');
  const place = number === undefined ? spec.key : [number];
  const json = columns.map((column) => spec.columns[column]!.startsWith('json'));
  const insert = db.prepare(
    `insert or replace into ${name} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`,
  );
  const values = new Array<SQLInputValue>(columns.length);
  const updates = new Map<string, { statement: StatementSync; indexes: readonly number[] }>();

  const value = (row: Row, index: number): SQLInputValue => {
    const it = row[columns[index]!];
    return (json[index] ? JSON.stringify(it) : it) as SQLInputValue;
  };

  const updateOf = (changed: readonly number[]) => {
    const id = changed.join();
    const known = updates.get(id);
    if (known !== undefined) return known;
    const sets = changed.map((index) => `${columns[index]} = ?`).join(', ');
    const where = place.map((column) => `${column} = ?`).join(' and ');
    const made = { statement: db.prepare(`update ${name} set ${sets} where ${where}`), indexes: changed };
    updates.set(id, made);
    return made;
  };

  return (row: Row, stored: Row | undefined): void => {
    if (stored === undefined) {
      for (let index = 0; index < columns.length; index += 1) values[index] = value(row, index);
      // `get` instead of `run`: there is no result to build, which `run` would do for each row.
      insert.get(...values);
      return;
    }
    const changed: number[] = [];
    for (let index = 0; index < columns.length; index += 1)
      if (row[columns[index]!] !== stored[columns[index]!]) changed.push(index);
    if (changed.length === 0) return;
    const { statement, indexes } = updateOf(changed);
    const at = place.map((column) => row[column] as SQLInputValue);
    statement.get(...indexes.map((index) => value(row, index)), ...at);
  };
};

/** A table's rows in memory before its file: `flush` writes what changed, `forget` drops everything unwritten. */
export type CachedRows = Rows<Row> & { flush(): void; forget(): void };

/**
 * Rows are folded in memory and written once a batch, however often they changed in it. The rows last touched stay
 * in memory, in two generations: the older is dropped when the younger is full.
 */
export const cachedRows = (db: DatabaseSync, name: string, spec: TableSpec): CachedRows => {
  const write = rowWriter(db, name, spec);
  const byKey = spec.key.map((column) => `${column} = ?`).join(' and ');
  const select = `select ${Object.keys(spec.columns).join(', ')} from ${name} where ${byKey}`;
  const selectAny = db.prepare(select);
  const selectHot = spec.hot === undefined ? selectAny : db.prepare(`${select} and ${hotSql(spec.hot)}`);
  const jsonColumns = Object.keys(spec.columns).filter((column) => spec.columns[column]!.startsWith('json'));
  const single = spec.key.length === 1 ? spec.key[0]! : undefined;
  let young = new Map<Value, Entry>();
  let old = new Map<Value, Entry>();
  let changed: Entry[] = [];

  const idOf = (row: Row): Value =>
    single === undefined ? spec.key.map((column) => row[column]).join('\n') : (row[single] as Value);

  const isHot = (row: Row) => spec.hot === undefined || row[spec.hot[0]] === spec.hot[1];

  const read = (select: StatementSync, key: readonly Value[]): Row | undefined => {
    const found = select.get(...key) as Record<string, unknown> | undefined;
    if (found === undefined) return undefined;
    for (const column of jsonColumns) found[column] = JSON.parse(found[column] as string);
    return found;
  };

  const entryOf = (id: Value): Entry | undefined => {
    const recent = young.get(id);
    if (recent !== undefined) return recent;
    const older = old.get(id);
    if (older !== undefined) young.set(id, older);
    return older;
  };

  const look = (select: StatementSync, key: readonly Value[]): Row | undefined => {
    const id = single === undefined ? key.join('\n') : key[0]!;
    const known = entryOf(id);
    if (known !== undefined) return known.row;
    const row = read(select, key);
    if (row !== undefined) young.set(id, { row, stored: row, changed: false });
    return row;
  };

  return {
    get: (...key) => {
      const row = look(selectHot, key);
      return row !== undefined && isHot(row) ? row : undefined;
    },
    find: (...key) => look(selectAny, key),
    put: (row: Row) => {
      const id = idOf(row);
      let entry = entryOf(id);
      if (entry === undefined) {
        entry = { row, stored: undefined, changed: false };
        young.set(id, entry);
      }
      entry.row = row;
      if (entry.changed) return;
      entry.changed = true;
      changed.push(entry);
    },
    flush: () => {
      for (const entry of changed) {
        write(entry.row, entry.stored);
        entry.stored = entry.row;
        entry.changed = false;
      }
      changed = [];
      if (young.size < rowsCachedMax) return;
      old = young;
      young = new Map();
    },
    forget: () => {
      young = new Map();
      old = new Map();
      changed = [];
    },
  };
};
