import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { UnavailableError } from '../errors.ts';
import { RebuildingError } from '../ports/read-models.ts';
import { fileName, readPointer } from './pointer.ts';
import type { Projection } from './projection.ts';
import type { Shown } from './select.ts';

/** Runs a query with its parameters; a query's text is prepared once. */
export type Query = <Row>(sql: string, ...values: readonly SQLInputValue[]) => Row[];

/** Reads of one projection, from whichever file serves it. */
export type ProjectionReader = {
  /**
   * Everything that `queries` reads is of one position. Throws `RebuildingError` where the file is of another version
   * and does not have what is read, `UnavailableError` where it cannot be read.
   */
  read<T>(queries: (query: Query) => T): Shown<T>;
  close(): void;
};

type Open = {
  readonly db: DatabaseSync;
  readonly query: Query;
  readonly version: number;
  /** The file's name. */
  readonly file: string;
};

/** What SQLite calls otherwise than `Statement` does. */
export const sqliteSql = (sql: string): string => sql.replaceAll('json_items(', 'json_each(');

const openFile = (folder: string, file: string, version: number): Open => {
  const db = new DatabaseSync(join(folder, file), { readOnly: true, timeout: 1_000 });
  const statements = new Map<string, StatementSync>();
  const query: Query = <Row>(sql: string, ...values: readonly SQLInputValue[]) => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      statement = db.prepare(sqliteSql(sql));
      statements.set(sql, statement);
    }
    return statement.all(...values) as Row[];
  };
  return { db, query, version, file };
};

/** Opens the file that serves; once more where another has taken its place between looking and opening. */
const connect = (folder: string, name: string): Open => {
  for (let pointer = readPointer(folder, name); pointer !== undefined; ) {
    const file = fileName(name, pointer);
    try {
      return openFile(folder, file, pointer.version);
    } catch (error) {
      const next = readPointer(folder, name);
      if (next === undefined || fileName(name, next) === file) throw error;
      pointer = next;
    }
  }
  throw new UnavailableError(`the read model ${name} is not there yet`);
};

/**
 * Opens a projection for reading when it is first read, and again whenever `generation` has changed: then another file
 * may serve. The text of queries must come from a small set: each is kept prepared.
 */
export const projectionReader = (
  folder: string,
  { name, version }: Pick<Projection, 'name' | 'version'>,
  generation: () => number,
): ProjectionReader => {
  let open: (Open & { readonly generation: number }) | undefined;

  const close = () => {
    open?.db.close();
    open = undefined;
  };

  const readOpen = <T>({ query }: Open, queries: (query: Query) => T): Shown<T> => {
    query('begin');
    try {
      const { position } = query<{ position: number }>('select position from checkpoint')[0]!;
      return { rows: queries(query), position };
    } finally {
      query('commit');
    }
  };

  /** Whether another file serves by now: this one may have been removed before it was first read. */
  const isReplaced = ({ file }: Open) => {
    const now = readPointer(folder, name);
    return now !== undefined && fileName(name, now) !== file;
  };

  const reader: ProjectionReader = {
    read: (queries) => {
      try {
        if (open?.generation !== generation()) {
          close();
          open = { ...connect(folder, name), generation: generation() };
        }
        return readOpen(open, queries);
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_SQLITE_ERROR') throw error;
        const replaced = open !== undefined && isReplaced(open);
        const outdated = open !== undefined && open.version !== version;
        close();
        if (replaced) return reader.read(queries);
        if (outdated) throw new RebuildingError(name, error);
        throw new UnavailableError(`the read model ${name} cannot be read`, { cause: error });
      }
    },
    close,
  };
  return reader;
};
