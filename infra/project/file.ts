import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Projection } from './projection.ts';
import { type CachedRows, cachedRows, tableSql } from './rows.ts';

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
  close(): void;
};

/** Which file serves a projection's reads. */
export type Pointer = { readonly version: number; readonly file: string };

/** Pages (4 KiB) in the write-ahead log before they are moved: few, large moves disturb the event log least. */
const walPagesMax = 4_000;
const cacheKiBMax = 4_096;
/** Nobody else writes the file: a lock on it is a fault, and waits for nothing good. */
const busyMsMax = 1_000;

const fileName = ({ name, version }: Projection) => `${name}-v${version}.db`;
const pointerPath = (folder: string, name: string) => join(folder, `${name}.json`);
const remove = (path: string) => {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
};

/** The file that serves a projection's reads, or `undefined` before its first. */
export const readPointer = (folder: string, name: string): Pointer | undefined => {
  try {
    return JSON.parse(readFileSync(pointerPath(folder, name), 'utf8')) as Pointer;
  } catch {
    return undefined; // missing or unreadable: it can always be made again
  }
};

/** Lets a projection's reads be served by the file of its version, at once for whoever looks, and drops the one before. */
export const swapPointer = (folder: string, projection: Projection): void => {
  const before = readPointer(folder, projection.name);
  const pointer: Pointer = { version: projection.version, file: fileName(projection) };
  if (before?.file === pointer.file) return;
  const path = pointerPath(folder, projection.name);
  writeFileSync(`${path}.new`, `${JSON.stringify(pointer)}\n`);
  renameSync(`${path}.new`, path);
  if (before !== undefined) remove(join(folder, before.file));
};

const prepareFile = (path: string, { tables }: Projection): DatabaseSync => {
  const db = new DatabaseSync(path);
  try {
    db.exec(`pragma journal_mode = wal; pragma synchronous = normal; pragma busy_timeout = ${busyMsMax};
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

/**
 * Opens a projection's file of its present version in `folder`, making it where there is none. A file that cannot be
 * opened, or whose checkpoint is not a place of this log (`isPlace`), is thrown away and begun anew: it is only a
 * fold of the log. Throws where the folder cannot be written.
 */
export const openProjectionFile = (
  folder: string,
  projection: Projection,
  isPlace: (place: Place) => boolean,
): ProjectionFile => {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, fileName(projection));
  const open = () => {
    const db = prepareFile(path, projection);
    const found = db.prepare('select position, id from checkpoint').get() as Place | undefined;
    if (found !== undefined && (found.position === 0 || isPlace(found))) return { db, found };
    db.close();
    throw new Error(`${path}: its checkpoint is not a place of this log`);
  };
  let opened: ReturnType<typeof open>;
  try {
    opened = open();
  } catch {
    remove(path);
    opened = open();
  }
  return fileOf(path, opened.db, opened.found, projection);
};

const fileOf = (path: string, db: DatabaseSync, found: Place, projection: Projection): ProjectionFile => {
  const tables = Object.fromEntries(
    Object.entries(projection.tables).map(([name, spec]) => [name, cachedRows(db, name, spec)]),
  );
  const all = Object.values(tables);
  const begin = db.prepare('begin immediate');
  const move = db.prepare('update checkpoint set position = ?, id = ?');
  const end = db.prepare('commit');
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
    close: () => db.close(),
  };
};
