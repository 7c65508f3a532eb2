import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { UnavailableError } from '../errors.ts';
import { readPointer } from './file.ts';

/** Runs a query with its parameters; a query's text is prepared once. */
export type Query = <Row>(sql: string, ...values: readonly SQLInputValue[]) => Row[];

/** What was read, and the position of the log that it shows. */
export type Shown<T> = { readonly rows: T; readonly position: number };

/** Reads of one projection, from whichever file serves it. */
export type ProjectionReader = {
  /** Everything that `queries` reads is of one position. Throws `UnavailableError` where the file cannot be read. */
  read<T>(queries: (query: Query) => T): Shown<T>;
  close(): void;
};

const connect = (folder: string, name: string) => {
  const pointer = readPointer(folder, name);
  if (pointer === undefined) throw new UnavailableError(`the read model ${name} is not there yet`);
  const db = new DatabaseSync(join(folder, pointer.file), { readOnly: true, timeout: 1_000 });
  const statements = new Map<string, StatementSync>();
  const query: Query = <Row>(sql: string, ...values: readonly SQLInputValue[]) => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = db.prepare(sql);
      statements.set(sql, statement);
    }
    return statement.all(...values) as Row[];
  };
  return { db, query };
};

/**
 * Opens a projection for reading when it is first read, and again whenever `generation` has changed. The text of
 * queries must come from a small set: each is kept prepared.
 */
export const projectionReader = (
  folder: string,
  name: string,
  generation: () => number,
): ProjectionReader => {
  let open: (ReturnType<typeof connect> & { readonly generation: number }) | undefined;

  const close = () => {
    open?.db.close();
    open = undefined;
  };

  return {
    read: (queries) => {
      try {
        if (open?.generation !== generation()) {
          close();
          open = { ...connect(folder, name), generation: generation() };
        }
        const { query } = open!;
        query('begin');
        try {
          const position = query<{ position: number }>('select position from checkpoint')[0]!.position;
          return { rows: queries(query), position };
        } finally {
          query('commit');
        }
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_SQLITE_ERROR') throw error;
        close();
        throw new UnavailableError(`the read model ${name} cannot be read`, { cause: error });
      }
    },
    close,
  };
};
