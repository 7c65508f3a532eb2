import { rfc3339 } from '@recourse/contracts/http';
import type { ColumnType } from '@recourse/contracts/http-rows';
import type { TableSpec, Value } from '@recourse/infra/project/projection';
import { type Reads, select } from '@recourse/infra/project/select';

/** A column that rows must have one of these values in; null stands for none: no value, or an empty text. */
export type Filter = { readonly column: string; readonly values: readonly Value[] };

/** Which rows of a table, plain data: it crosses to the thread that reads. */
export type PageWish = {
  readonly table: string;
  readonly spec: TableSpec;
  readonly filters: readonly Filter[];
  readonly limit: number;
  /** What the last row of the page before is ordered by; null for the first page. */
  readonly after: readonly Value[] | null;
};

/** A page of rows as a reader gets them, and what the next one begins after; null where there is none. */
export type Page = {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly next: readonly Value[] | null;
};

/** What a column holds, by its declaration. */
export const columnType = (declaration: string): ColumnType => {
  if (declaration.startsWith('json')) return 'json';
  if (declaration.startsWith('time')) return 'time';
  return declaration.startsWith('integer') ? 'integer' : 'text';
};

/** What the rows of a table are ordered by: the number of each row where they have one, else their key. */
export const orderedBy = ({ columns, key }: TableSpec): readonly string[] => {
  const number = numberOf(columns);
  return number === undefined ? key : [number];
};

const numberOf = (columns: TableSpec['columns']) =>
  Object.keys(columns).find((column) => columns[column] === 'integer primary key');

/** A page of rows in their order: by their key, or, where rows have a number, newest first. */
export function* readPage({ table, spec, filters, limit, after }: PageWish): Reads<Page> {
  const order = orderedBy(spec);
  const newestFirst = numberOf(spec.columns) !== undefined;
  const names = Object.keys(spec.columns);
  const conditions: Condition[] = filters.map((filter) => conditionOf(spec, filter));
  if (after !== null)
    conditions.push({
      sql: `(${order.join(', ')}) ${newestFirst ? '<' : '>'} (${order.map(() => '?').join(', ')})`,
      values: after,
    });
  const where = conditions.length === 0 ? '' : ` where ${conditions.map(({ sql }) => sql).join(' and ')}`;
  const places = order.map((column, n) => `${column} as "#${n}"`).join(', ');
  const found = yield* select<Record<string, unknown>>(
    `select ${names.join(', ')}, ${places} from ${table}${where}
     order by ${order.map((column) => (newestFirst ? `${column} desc` : column)).join(', ')} limit ?`,
    ...conditions.flatMap(({ values }) => values),
    limit + 1,
  );
  const rows = found.slice(0, limit);
  const last = found.length > limit ? rows.at(-1) : undefined;
  const types = names.map((name) => [name, columnType(spec.columns[name]!)] as const);
  return {
    rows: rows.map((row) => Object.fromEntries(types.map(([name, type]) => [name, shown(type, row[name])]))),
    next: last === undefined ? null : order.map((_, n) => last[`#${n}`] as Value),
  };
}

type Condition = { readonly sql: string; readonly values: readonly Value[] };

/** A column of JSON has a value that is it, or an array that holds it. */
const conditionOf = ({ columns }: TableSpec, { column, values }: Filter): Condition => {
  const some = values.filter((value) => value !== null);
  const list = `(${some.map(() => '?').join(', ')})`;
  const type = columnType(columns[column]!);
  const isJson = type === 'json';
  const sql = [
    ...(some.length > 0 ? [`${column} in ${list}`] : []),
    ...(some.length > 0 && isJson
      ? [`exists (select 1 from json_items(${column}) where value in ${list})`]
      : []),
    ...(some.length < values.length
      ? [type === 'text' ? `coalesce(${column}, '') = ''` : `${column} is null`]
      : []),
  ];
  return { sql: `(${sql.join(' or ')})`, values: some.length > 0 && isJson ? [...some, ...some] : some };
};

const shown = (type: ColumnType, value: unknown): unknown => {
  if (value === null) return null;
  if (type === 'json') return JSON.parse(value as string);
  return type === 'time' ? rfc3339(value as number) : value;
};
