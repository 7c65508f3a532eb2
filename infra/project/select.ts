import type { Value } from './projection.ts';

/**
 * One statement that reads: its text with a `?` for each value. It is of a small set, as each is kept prepared, and in
 * the SQL that both SQLite and PostgreSQL understand; `json_items(list)` gives the items of a JSON array as `value`.
 */
export type Statement = { readonly sql: string; readonly values: readonly Value[] };

/** Reads that belong together, whichever engine holds the rows: it yields statements, and is given their rows. */
export type Reads<T> = Generator<Statement, T, readonly unknown[]>;

/** What was read, and the position of the log that it shows. */
export type Shown<T> = { readonly rows: T; readonly position: number };

/** Reads one statement's rows: `const rows = yield* select<Row>('select … where state = ?', state)`. */
export function* select<Row>(sql: string, ...values: readonly Value[]): Reads<readonly Row[]> {
  return (yield { sql, values }) as readonly Row[];
}

/** Answers reads one statement after the other, at once. */
export const answered = <T>(
  query: (sql: string, ...values: readonly Value[]) => readonly unknown[],
  reads: Reads<T>,
): T => {
  let step = reads.next();
  while (!step.done) step = reads.next(query(step.value.sql, ...step.value.values));
  return step.value;
};

/** As `answered`, for who has to wait for rows. */
export const answeredLater = async <T>(
  query: (statement: Statement) => Promise<readonly unknown[]>,
  reads: Reads<T>,
): Promise<T> => {
  let step = reads.next();
  while (!step.done) step = reads.next(await query(step.value));
  return step.value;
};
