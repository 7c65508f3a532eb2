import type { Value } from '@recourse/infra/project/projection';
import { type Reads, select } from '@recourse/infra/project/select';
import { ProblemError } from '../problem.ts';

/** Pages of a list, newest first: a cursor is the position of the last item, so a page stays where it was. */

/** Writes the cursor after an item. */
const formatCursor = (position: number): string => Buffer.from(`p${position}`).toString('base64url');

/** Reads a cursor. Throws a `ProblemError` where it is not one of ours. */
const parseCursor = (cursor: string): number => {
  const text = Buffer.from(cursor, 'base64url').toString();
  const position = /^p\d{1,16}$/.test(text) ? Number(text.slice(1)) : Number.NaN;
  if (Number.isSafeInteger(position) && formatCursor(position) === cursor) return position;
  throw new ProblemError('invalid-request', 'The cursor is not one that a list has given.', {
    errors: [{ path: 'cursor', message: 'must be the nextCursor of the page before' }],
  });
};

/** Conditions of a query, with their values. */
export type Conditions = {
  readonly sql: readonly string[];
  readonly values: readonly Value[];
};

/** A condition with its values, or none where there is nothing to compare with. */
export const where = (sql: string, ...values: readonly (Value | undefined)[]): Conditions =>
  values.includes(undefined) ? { sql: [], values: [] } : { sql: [sql], values: values as Value[] };

/** All of these conditions. */
export const allOf = (...conditions: readonly Conditions[]): Conditions => ({
  sql: conditions.flatMap(({ sql }) => sql),
  values: conditions.flatMap(({ values }) => values),
});

type PageQuery = {
  readonly cursor?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
};

/**
 * The stretch of positions that a page may show: after its cursor, and within the times asked for. Times never
 * decrease with positions, so a time is a place in the order of the list. `timeColumn` has an index.
 */
export function* stretchOf(
  table: string,
  timeColumn: string,
  { cursor, from, to }: PageQuery,
): Reads<Conditions> {
  const before = cursor === undefined ? undefined : parseCursor(cursor);
  const first = from === undefined ? undefined : yield* firstAt(table, timeColumn, from);
  const end = to === undefined ? undefined : yield* firstAt(table, timeColumn, to);
  return allOf(where('position < ?', before), where('position >= ?', first), where('position < ?', end));
}

function* firstAt(table: string, timeColumn: string, time: string): Reads<number> {
  const [first] = yield* select<{ position: number }>(
    `select position from ${table} where ${timeColumn} >= ? order by ${timeColumn}, position limit 1`,
    Date.parse(time),
  );
  return first?.position ?? Number.MAX_SAFE_INTEGER;
}

/**
 * One page of rows, newest first, and the cursor of the next. It names the columns that it shows, so that a file of
 * another version which has them serves it, too.
 */
export function* pageOf<Row extends { readonly position: number }>(
  table: string,
  columns: readonly (keyof Row & string)[],
  { sql, values }: Conditions,
  limit: number,
): Reads<{ readonly rows: readonly Row[]; readonly nextCursor: string | null }> {
  const conditions = sql.length === 0 ? '' : ` where ${sql.join(' and ')}`;
  const found = yield* select<Row>(
    `select ${columns.join(', ')} from ${table}${conditions} order by position desc limit ?`,
    ...values,
    limit + 1,
  );
  const rows = found.slice(0, limit);
  return { rows, nextCursor: found.length > limit ? formatCursor(rows.at(-1)!.position) : null };
}
