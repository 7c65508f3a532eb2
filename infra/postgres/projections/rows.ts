import type { Rows, TableSpec, Value } from '../../project/projection.ts';
import type { Sql } from '../connect.ts';
import { int8Array, textArray } from '../log/arrays.ts';
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
  /** What was put and is not so in the table yet, an array for each column; also where it is nothing. */
  changes(): readonly unknown[];
  /** What was put is in the table: it may be looked up from now on. */
  keep(): void;
  /** Drops all that is known. */
  forget(): void;
};

const arrays = (types: readonly string[], first: number) =>
  types.map((type, n) => `$${first + n}::${type}[]`).join(', ');

const typesOf = (columns: TableSpec['columns'], names: readonly string[]) =>
  names.map((name) => columnSql(columns[name]!));

/** Reads the rows of keys. */
const loadSql = (table: string, { columns, key }: TableSpec): string => {
  const shown = Object.keys(columns).map((column) => `it.${quoted(column)}`);
  const byKey = key.map((column, n) => `it.${quoted(column)} = wanted.k${n}`).join(' and ');
  return `select ${shown.join(', ')}
    from unnest(${arrays(typesOf(columns, key), 1)}) as wanted (${key.map((_, n) => `k${n}`).join(', ')})
    join ${table} as it on ${byKey}`;
};

/**
 * Writes rows, each in place of the one of its key, as a part of a statement: its values begin with the one of that
 * number, and nothing is written where `condition` does not hold.
 */
export const writeSql = (
  table: string,
  { columns, key }: TableSpec,
  first: number,
  condition: string,
): string => {
  const names = Object.keys(columns);
  const others = names.filter((column) => !key.includes(column));
  const sets = others.map((column) => `${quoted(column)} = excluded.${quoted(column)}`).join(', ');
  return `insert into ${table} (${names.map(quoted).join(', ')})
    select * from unnest(${arrays(typesOf(columns, names), first)}) where ${condition}
    on conflict (${key.map(quoted).join(', ')}) do ${sets === '' ? 'nothing' : `update set ${sets}`}`;
};

type ColumnType = ReturnType<typeof columnSql>;

/** What a column of some rows is written from. */
const arrayOf = (type: ColumnType, values: readonly unknown[]): unknown => {
  if (values.length === 0) return '{}';
  return type === 'text'
    ? textArray(values as readonly (string | null)[])
    : int8Array(values as readonly (number | null)[]);
};

/**
 * The rows of a table in memory before PostgreSQL. A fold cannot wait for a row, so one that is not in memory is noted
 * as missing, and the fold is run again once it is loaded. Rows last touched stay, in two generations; that a key holds
 * nothing stays known, too. There must be no other writer.
 */
export const batchRows = (table: string, spec: TableSpec): BatchRows => {
  const load = loadSql(table, spec);
  const columns = Object.keys(spec.columns);
  const types = typesOf(spec.columns, columns);
  const keyTypes = typesOf(spec.columns, spec.key);
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
      const wanted = new Map(missing);
      const keys = [...wanted.values()];
      const found = await query<Record<string, unknown>>(
        load,
        keyTypes.map((type, n) =>
          arrayOf(
            type,
            keys.map((key) => key[n]),
          ),
        ),
      );
      for (const id of wanted.keys()) young.set(id, null);
      for (const row of found) {
        for (const column of json) row[column] = JSON.parse(row[column] as string);
        young.set(idOf(row), row);
      }
      for (const id of wanted.keys()) missing.delete(id);
    },
    drop: () => {
      puts = new Map();
      missing.clear();
    },
    changes: () => {
      const changed = [...puts].filter(([id, row]) => !isSame(columns, row, known(id))).map(([, row]) => row);
      return columns.map((column, n) => {
        const values = changed.map((row) => row[column]);
        return arrayOf(types[n]!, json.has(column) ? values.map((value) => JSON.stringify(value)) : values);
      });
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
