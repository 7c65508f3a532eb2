import type { Rows, TableSpec, Value } from '../../project/projection.ts';
import type { Sql } from '../connect.ts';
import { columnSql, quoted } from './tables.ts';

type Row = Readonly<Record<string, unknown>>;

/** How many rows of a table stay in memory, at least; at most twice as many and one batch. */
const rowsCachedMax = 4_096;

/** The rows of one table as a batch of records is folded: what is put is the batch's until it is kept. */
export type BatchRows = Rows<Row> & {
  /** How many keys were looked up of which it is not known what they hold. */
  missing(): number;
  /** Reads what those hold. */
  load(query: Sql): Promise<void>;
  /** Drops what was put. */
  drop(): void;
  /** Writes what was put, in one statement. */
  write(query: Sql): Promise<void>;
  /** What was put is in the table: it may be looked up from now on. */
  keep(): void;
  /** Drops all that is known. */
  forget(): void;
};

/** The texts of the statements on a table of one build. */
const statementsOf = (table: string, { columns, key }: TableSpec) => {
  const names = Object.keys(columns);
  const types = names.map((column) => columnSql(columns[column]!));
  const list = names.map(quoted).join(', ');
  const arrays = (of: readonly string[]) => of.map((type, n) => `$${n + 1}::${type}[]`).join(', ');
  const keyTypes = key.map((column) => columnSql(columns[column]!));
  const byKey = key.map((column, n) => `it.${quoted(column)} = wanted.k${n}`).join(' and ');
  const others = names.filter((column) => !key.includes(column));
  const sets = others.map((column) => `${quoted(column)} = excluded.${quoted(column)}`).join(', ');
  return {
    load: `select ${names.map((column) => `it.${quoted(column)}`).join(', ')}
      from unnest(${arrays(keyTypes)}) as wanted (${key.map((_, n) => `k${n}`).join(', ')}) join ${table} as it on ${byKey}`,
    write: `insert into ${table} (${list}) select * from unnest(${arrays(types)})
      on conflict (${key.map(quoted).join(', ')}) do ${sets === '' ? 'nothing' : `update set ${sets}`}`,
  };
};

/**
 * The rows of a table in memory before PostgreSQL. A fold cannot wait for a row, so one that is not in memory is noted
 * as missing, and the fold is run again once it is loaded. Rows last touched stay, in two generations; that a key holds
 * nothing stays known, too. There must be no other writer.
 */
export const batchRows = (table: string, spec: TableSpec): BatchRows => {
  const sql = statementsOf(table, spec);
  const columns = Object.keys(spec.columns);
  const json = new Set(columns.filter((column) => spec.columns[column]!.startsWith('json')));
  const single = spec.key.length === 1 ? spec.key[0]! : undefined;
  let young = new Map<Value, Row | null>();
  let old = new Map<Value, Row | null>();
  let puts = new Map<Value, Row>();
  const missing = new Map<Value, readonly Value[]>();

  const idOf = (row: Row): Value =>
    single === undefined ? spec.key.map((column) => row[column]).join('\n') : (row[single] as Value);

  const known = (id: Value): Row | null | undefined => {
    const recent = young.get(id);
    if (recent !== undefined) return recent;
    const older = old.get(id);
    if (older !== undefined) young.set(id, older);
    return older;
  };

  const find = (key: readonly Value[]): Row | undefined => {
    const id = single === undefined ? key.join('\n') : key[0]!;
    const row = puts.get(id) ?? known(id);
    if (row === undefined) missing.set(id, key);
    return row ?? undefined;
  };

  return {
    get: (...key) => {
      const row = find(key);
      return row !== undefined && (spec.hot === undefined || row[spec.hot[0]] === spec.hot[1])
        ? row
        : undefined;
    },
    find: (...key) => find(key),
    put: (row: Row) => {
      puts.set(idOf(row), row);
    },
    missing: () => missing.size,
    load: async (query) => {
      if (missing.size === 0) return;
      const keys = [...missing.values()];
      const found = await query<Record<string, unknown>>(
        sql.load,
        spec.key.map((_, n) => keys.map((key) => key[n])),
      );
      for (const id of missing.keys()) young.set(id, null);
      for (const row of found) {
        for (const column of json) row[column] = JSON.parse(row[column] as string);
        young.set(idOf(row), row);
      }
      missing.clear();
    },
    drop: () => {
      puts = new Map();
      missing.clear();
    },
    write: async (query) => {
      const changed = [...puts].filter(([id, row]) => !isSame(columns, row, known(id))).map(([, row]) => row);
      if (changed.length === 0) return;
      await query(
        sql.write,
        columns.map((column) =>
          json.has(column)
            ? changed.map((row) => JSON.stringify(row[column]))
            : changed.map((row) => row[column]),
        ),
      );
    },
    keep: () => {
      for (const [id, row] of puts) young.set(id, row);
      puts = new Map();
      if (young.size < rowsCachedMax) return;
      old = young;
      young = new Map();
    },
    forget: () => {
      young = new Map();
      old = new Map();
      puts = new Map();
      missing.clear();
    },
  };
};

const isSame = (columns: readonly string[], row: Row, stored: Row | null | undefined) =>
  stored != null && columns.every((column) => row[column] === stored[column]);
