import type { Projection, TableSpec } from '../../project/projection.ts';

/** How the tables of a projection are called in PostgreSQL, and how they are made. */

/** What tells one fold of a projection from its others: `build` counts the folds of one version, from 0. */
export type BuildId = { readonly version: number; readonly build: number };

/** Whether two folds of a projection are the same one. */
export const isSameBuild = (a: BuildId, b: BuildId): boolean =>
  a.version === b.version && a.build === b.build;

const plain = (projection: string) => projection.replaceAll('-', '_');

/** Quotes a name: columns are written as the code writes them. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The name of a table of one build, quoted: `"orders_v2_b0_orders"`. */
export const tableName = (projection: string, { version, build }: BuildId, table: string): string =>
  quoted(`${plain(projection)}_v${version}_b${build}_${table}`);

/** What the names of all tables of a projection match, of whichever build: `(version, build)` are its groups. */
export const tablePattern = (projection: string): string => `^${plain(projection)}_v([0-9]+)_b([0-9]+)_`;

/** By the name that queries use: the table of one build. */
export const tableNames = (
  { name, tables }: Pick<Projection, 'name' | 'tables'>,
  id: BuildId,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.keys(tables).map((table) => [table, tableName(name, id, table)]));

/** The type that a column has for PostgreSQL. Throws where the declaration is none that is known. */
export const columnSql = (declaration: string): 'bigint' | 'text' => {
  const [, kind, type] = /^(?:(json|time)(?: |$))?(?:(integer|text)(?: |$))?/.exec(declaration) ?? [];
  if (kind === 'json' || (kind === undefined && type === 'text')) return 'text';
  if (type === 'integer') return 'bigint';
  throw new Error(`a column declared as '${declaration}' has no type in PostgreSQL`);
};

/** The column that numbers the rows of a table, where there is one. */
export const numberOf = ({ columns }: TableSpec): string | undefined =>
  Object.keys(columns).find((column) => columns[column] === 'integer primary key');

/**
 * Rows change soon after they are made, and then no more: with room left in each page most changes stay in it, and
 * touch no index.
 */
const fillPercent = 70;

/**
 * The statements that make the tables of a build, with all their indexes. Texts compare by their bytes, as in SQLite.
 * Every table is unique by its key, which rows are written by.
 */
export const tableSql = (projection: Projection, id: BuildId): readonly string[] =>
  Object.entries(projection.tables).flatMap(([name, spec]) => {
    const table = tableName(projection.name, id, name);
    const columns = Object.entries(spec.columns).map(([column, declaration]) =>
      columnOf(column, declaration),
    );
    const key = `(${spec.key.map(quoted).join(', ')})`;
    const number = numberOf(spec);
    const unique = number === undefined ? `primary key ${key}` : `unique ${key}`;
    return [
      `create table ${table} (${[...columns, unique].join(', ')}) with (fillfactor = ${fillPercent})`,
      ...(spec.indexes ?? []).map((on) => `create index on ${table} ${indexOf(on, number)}`),
    ];
  });

const columnOf = (column: string, declaration: string): string => {
  const type = columnSql(declaration);
  const constraint = /(primary key|not null)$/.exec(declaration)?.[0] ?? '';
  return `${quoted(column)} ${type === 'text' ? 'text collate "C"' : type} ${constraint}`.trimEnd();
};

/** In SQLite every index ends in the number of the row by itself, which is the order of the lists. */
const indexOf = (on: string, number: string | undefined): string => {
  const [, columns, condition] = /^\(([^)]*)\)(.*)$/.exec(on) ?? [];
  if (columns === undefined) throw new Error(`the index '${on}' cannot be made in PostgreSQL`);
  const all = [
    ...columns.split(',').map((column) => column.trim()),
    ...(number === undefined ? [] : [number]),
  ];
  return `(${all.map(quoted).join(', ')})${(condition ?? '').replaceAll(/\b[a-z]\w*[A-Z]\w*/g, quoted)}`;
};
