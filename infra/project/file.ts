import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type FileId, fileName, removeFile } from './pointer.ts';
import type { Projection } from './projection.ts';
import { type CachedRows, cachedRows, indexSql, tableSql } from './rows.ts';

/** A place in the log: a position and the id of the record there. */
export type Place = { readonly position: number; readonly id: string };

/** A projection's file, open for its only writer. */
export type ProjectionFile = {
  readonly path: string;
  readonly tables: Readonly<Record<string, CachedRows>>;
  readonly checkpoint: () => Place;
  /** Writes what the tables hold, and the place it shows, in one transaction. When it throws nothing is written. */
  commit(place: Place): void;
  /** Drops what has not been committed. */
  forget(): void;
  /** Makes one index that is missing; false where none was. */
  makeIndex(): boolean;
  /** Brings everything that was committed to the disk. */
  sync(): void;
  close(): void;
};

/**
 * What a file is for. `serving`: it has all its indexes. `building`: it gets them in the end, by `makeIndex`.
 * `scratch`: it is gone when its process is, so nothing is kept safe.
 */
export type Purpose = 'serving' | 'building' | 'scratch';

/** Pages (4 KiB) in the write-ahead log before they are moved: few, large moves disturb the event log least. */
const walPagesMax = 4_000;
const cacheKiBMax = 2_048;
/** Nobody else writes the file: a lock on it is a fault, and waits for nothing good. */
const busyMsMax = 1_000;

const pragmas: Record<Purpose, string> = {
  serving: 'pragma journal_mode = wal; pragma synchronous = normal;',
  building: 'pragma journal_mode = wal; pragma synchronous = normal;',
  scratch: 'pragma journal_mode = memory; pragma synchronous = off;',
};

const prepareFile = (path: string, { tables }: Projection, purpose: Purpose): DatabaseSync => {
  const db = new DatabaseSync(path);
  try {
    db.exec(`${pragmas[purpose]} pragma busy_timeout = ${busyMsMax};
      pragma wal_autocheckpoint = ${walPagesMax}; pragma cache_size = -${cacheKiBMax};`);
    const made = db.prepare(`select 1 from sqlite_schema where name = 'checkpoint'`).get() !== undefined;
    if (!made)
      db.exec(`begin; ${Object.entries(tables)
        .map(([name, spec]) => tableSql(name, spec))
        .join('\n')}
        create table checkpoint (one integer primary key check (one = 1), position integer not null, id text not null);
        insert into checkpoint values (1, 0, ''); commit;`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
};

const checkpointIn = (db: DatabaseSync): Place | undefined =>
  db.prepare('select position, id from checkpoint').get() as Place | undefined;

/** The place that a file shows, whatever version of its projection has made it. Throws where it is no such file. */
export const placeOfFile = (path: string): Place => {
  const db = new DatabaseSync(path, { readOnly: true, timeout: busyMsMax });
  try {
    const found = checkpointIn(db);
    if (found === undefined) throw new Error(`${path} has no checkpoint`);
    return found;
  } finally {
    db.close();
  }
};

/** How a file is opened. */
export type FileOptions = {
  readonly folder: string;
  readonly projection: Projection;
  readonly id: FileId;
  readonly purpose: Purpose;
  /** Whether a checkpoint is a place of the log that is folded. */
  isPlace(place: Place): boolean;
};

/**
 * Opens a projection's file, making it where there is none. A file that cannot be opened, or whose checkpoint is not a
 * place of this log, is thrown away and begun anew: it is only a fold of the log. Throws where the folder cannot be
 * written.
 */
export const openProjectionFile = (options: FileOptions): ProjectionFile => {
  const { folder, projection, id, purpose, isPlace } = options;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, fileName(projection.name, id));
  const open = () => {
    const db = prepareFile(path, projection, purpose);
    const found = checkpointIn(db);
    if (found !== undefined && (found.position === 0 || isPlace(found))) return { db, found };
    db.close();
    throw new Error(`${path}: its checkpoint is not a place of this log`);
  };
  let opened: ReturnType<typeof open>;
  try {
    opened = open();
  } catch {
    removeFile(path);
    opened = open();
  }
  const file = fileOf(path, opened.db, opened.found, projection);
  if (purpose === 'serving') while (file.makeIndex());
  return file;
};

const fileOf = (path: string, db: DatabaseSync, found: Place, projection: Projection): ProjectionFile => {
  const tables = Object.fromEntries(
    Object.entries(projection.tables).map(([name, spec]) => [name, cachedRows(db, name, spec)]),
  );
  const all = Object.values(tables);
  const begin = db.prepare('begin immediate');
  const move = db.prepare('update checkpoint set position = ?, id = ?');
  const end = db.prepare('commit');
  const hasIndex = db.prepare(`select 1 from sqlite_schema where type = 'index' and name = ?`);
  const indexes = Object.entries(projection.tables).flatMap(([name, spec]) => indexSql(name, spec));
  let place: Place = { position: found.position, id: found.id };

  const forget = () => {
    for (const rows of all) rows.forget();
  };

  return {
    path,
    tables,
    checkpoint: () => place,
    commit: (next) => {
      try {
        begin.run();
        for (const rows of all) rows.flush();
        move.run(next.position, next.id);
        end.run();
        place = next;
      } catch (error) {
        if (db.isTransaction) db.exec('rollback');
        forget();
        throw error;
      }
    },
    forget,
    makeIndex: () => {
      const missing = indexes.find(({ name }) => hasIndex.get(name) === undefined);
      if (missing !== undefined) db.exec(missing.sql);
      return missing !== undefined;
    },
    sync: () => {
      // In WAL mode a checkpoint syncs first the write-ahead log, then the file (https://sqlite.org/wal.html).
      const done = db.prepare('pragma wal_checkpoint(truncate)').get() as { busy: number };
      if (done.busy !== 0) throw new Error(`${path} is in use`);
    },
    close: () => db.close(),
  };
};
