import { DatabaseSync } from 'node:sqlite';
import { registry } from '@recourse/contracts/registry';
import { StartError } from '../errors.ts';

/** Counts the changes of the layout below. A log with a higher one was written by a newer Recourse. */
const formatVersion = 1;

/** "Rcrs" in ASCII: marks the file as a log of Recourse, in `PRAGMA application_id`. */
const applicationId = 0x52637273;

/** How long a statement waits for another connection's lock. */
const busyTimeoutMsMax = 2_000;

/** Memory for pages of the file. */
const cacheKibMax = 32 * 1024;

/** Pages of 4 KiB in the write-ahead log before they are moved into the file, which takes some ten ms. */
const walPagesMax = 2_048;

/** What the write-ahead log keeps on disk once it has been moved. */
const walBytesKept = 32 * 1024 * 1024;

/**
 * `stream` = owner * 32 + category. An owner is what follows the category in a stream's name, so the streams of one
 * order share one entry in the only index of random keys. Records have no index: each says where the one before it in
 * its stream stands (`before`, a position; 0 for the first), and `heads` where the last one does, so that an append
 * touches the end of the table and little else; `waymarks` says where every 256th record of a long stream stands, so
 * that nobody has to walk it all. Ids that are UUIDs are 16-byte BLOBs, others TEXT; `correlation` is
 * NULL where it is the stream's owner.
 */
const layout = `
  CREATE TABLE categories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
  CREATE TABLE owners (id INTEGER PRIMARY KEY, name NOT NULL UNIQUE);
  CREATE TABLE heads (stream INTEGER PRIMARY KEY, head INTEGER NOT NULL, position INTEGER NOT NULL);
  CREATE TABLE types (id INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, UNIQUE (name, version));
  CREATE TABLE records (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    id NOT NULL,
    type INTEGER NOT NULL,
    time INTEGER NOT NULL,
    correlation,
    causation NOT NULL,
    data TEXT NOT NULL,
    crc INTEGER NOT NULL,
    before INTEGER NOT NULL
  );
  CREATE TABLE waymarks (
    stream INTEGER NOT NULL, revision INTEGER NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (stream, revision)
  ) WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`;

/** A single number that a PRAGMA answers. */
export const pragma = (db: DatabaseSync, name: string): number =>
  Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);

const isEmpty = (db: DatabaseSync) => db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;

const refuseForeign = (db: DatabaseSync, path: string) => {
  const version = pragma(db, 'user_version');
  if (pragma(db, 'application_id') !== applicationId)
    throw new StartError('log-foreign', `${path} is not a log of Recourse: choose another data folder`);
  if (version > formatVersion)
    throw new StartError(
      'log-newer',
      `${path} was written by a newer Recourse (format ${version}, this one knows ${formatVersion}): start that version, or a later one`,
    );
};

/** Moves what a crash left in the write-ahead log into the file, written and synced anew before anyone reads it. */
const moveWal = (db: DatabaseSync) => {
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
};

const internTypes = (db: DatabaseSync) => {
  const add = db.prepare('INSERT OR IGNORE INTO types (name, version) VALUES (?, ?)');
  const known = db.prepare('SELECT 1 FROM types WHERE name = ? AND version = ?');
  for (const [name, { kind, version }] of registry)
    if (kind === 'event' && known.get(name, version) === undefined) add.run(name, version);
};

/**
 * Opens the file of a log for its one writer, and lays it out where it is new. Throws a `StartError` where the file
 * cannot be opened or written, is no log, or was written by a newer Recourse.
 */
export const openDatabase = (path: string, maxPageCount?: number): DatabaseSync => {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: busyTimeoutMsMax, enableForeignKeyConstraints: false });
    const fresh = isEmpty(db);
    if (!fresh) refuseForeign(db, path);
    if (Object.values(db.prepare('PRAGMA journal_mode = WAL').get() ?? {})[0] !== 'wal')
      throw new Error('this file system has no shared memory for a write-ahead log');
    db.exec(`
      PRAGMA synchronous = FULL;
      PRAGMA cache_size = -${cacheKibMax};
      PRAGMA wal_autocheckpoint = ${walPagesMax};
      PRAGMA journal_size_limit = ${walBytesKept};
    `);
    if (!fresh) moveWal(db);
    db.exec('BEGIN IMMEDIATE');
    if (fresh) db.exec(layout);
    internTypes(db);
    db.exec('COMMIT');
    if (maxPageCount !== undefined) db.exec(`PRAGMA max_page_count = ${maxPageCount}`);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof StartError) throw error;
    throw new StartError(
      'log-unusable',
      `cannot open the log ${path}: ${(error as Error).message}; look for a damaged file, a full disk, or missing rights`,
    );
  }
};

/** Opens the file of a log to read it beside its writer. Throws as `openDatabase` does. */
export const openDatabaseToRead = (path: string): DatabaseSync => {
  const db = new DatabaseSync(path, { timeout: busyTimeoutMsMax, readOnly: true });
  refuseForeign(db, path);
  return db;
};
