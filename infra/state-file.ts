import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StartError } from './errors.ts';

/** A SQLite file of our own that is not the log: what it holds could be made anew. */
export type StateFile = {
  readonly path: string;
  /** Makes the tables where they do not exist. */
  readonly schema: string;
  /** The highest `user_version` that this build reads. */
  readonly schemaVersion: number;
  /** The code of the error where it cannot be opened. */
  readonly code: string;
  /** What deleting the file does, for who has one of a newer version: completes "delete the file to …". */
  readonly deletingIt: string;
  /** Nothing in it is changed; where there is none it reads as empty. */
  readonly readOnly?: boolean;
};

/** Opens it with every commit synced. Throws `StartError`: `newer-data`, or the file's own code. */
export const openStateFile = ({ path, schema, schemaVersion, code, ...it }: StateFile): DatabaseSync => {
  const { deletingIt, readOnly = false } = it;
  const found = existsSync(path);
  let db: DatabaseSync | undefined;
  try {
    db = readOnly ? new DatabaseSync(found ? path : ':memory:', { readOnly: found }) : new DatabaseSync(path);
    if (!readOnly) db.exec('pragma journal_mode = wal; pragma synchronous = full;');
    if (Number(db.prepare('pragma user_version').get()?.user_version) > schemaVersion) {
      throw new StartError(
        'newer-data',
        `${path} was written by a newer version of Recourse: run that one, or delete the file to ${deletingIt}`,
      );
    }
    if (!readOnly || !found) db.exec(schema);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof StartError) throw error;
    throw new StartError(
      code,
      `cannot open ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
};
