import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { backupDatabases, backupNote } from '@recourse/contracts/backup';
import { DamagedError } from '../errors.ts';
import { pragma } from '../log/database.ts';

/** Pages of 4 KiB that are copied in one go, off this thread; between two of them others use the disk. */
const pagesAtOnce = 2_048;

/** How long a file that another process locks is waited for. */
const busyMsMax = 2_000;

/** The files of a data folder as they are at one moment, for as long as it is open. */
export type Snapshot = {
  /** The position of the log's last record. */
  readonly position: number;
  /** Those that are there, with the bytes that each will have. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** Copies them into a folder. Rejects where the disk does not take them, and as soon as `signal` aborts. */
  copyInto(folder: string, signal: AbortSignal): Promise<void>;
  close(): void;
};

type Pinned = { readonly name: string; readonly db: DatabaseSync; readonly bytes: number };
type Note = { readonly name: string; readonly text: Buffer };

/**
 * Holds the moment. It opens a connection of its own to each file and begins to read, all in one turn of the event
 * loop: whoever writes these files does so on this thread, so nothing is written between the first and the last, and
 * SQLite's write-ahead log keeps for each connection what it has begun to read, whatever is written later. Throws
 * `DamagedError` where a file is no database.
 */
export const openSnapshot = (dataDir: string): Snapshot => {
  const pinned: Pinned[] = [];
  const close = () => {
    for (const { db } of pinned.splice(0)) db.close();
  };
  try {
    for (const name of backupDatabases) {
      const path = join(dataDir, name);
      if (existsSync(path)) pinned.push(pin(name, path));
    }
    const log = pinned.find(({ name }) => name === 'log.db');
    if (log === undefined) throw new DamagedError(`${join(dataDir, 'log.db')} is not there`);
    const { head } = log.db.prepare('SELECT max(position) AS head FROM records').get() as {
      head: number | null;
    };
    const notes = notesIn(dataDir);
    return {
      position: head ?? 0,
      files: [
        ...notes.map(({ name, text }) => ({ name, bytes: text.length })),
        ...pinned.map(({ name, bytes }) => ({ name, bytes })),
      ],
      copyInto: async (folder, signal) => {
        for (const { name, text } of notes) await writeFile(madePath(folder, name), text);
        for (const each of pinned) await copy(each, folder, signal);
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
};

const pin = (name: string, path: string): Pinned => {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: busyMsMax });
    db.exec('BEGIN');
    // The first read fixes what this connection sees.
    db.prepare('SELECT 1 FROM sqlite_schema').get();
    return { name, db, bytes: pragma(db, 'page_count') * pragma(db, 'page_size') };
  } catch (error) {
    db?.close();
    throw new DamagedError(`${path} cannot be backed up: ${(error as Error).message}`, { cause: error });
  }
};

/** The small files, which are written as a whole or not at all. */
const notesIn = (dataDir: string): Note[] => {
  const machines = join(dataDir, 'machines');
  const names = [
    ...readdirSync(dataDir),
    ...(existsSync(machines) ? readdirSync(machines).map((name) => `machines/${name}`) : []),
  ];
  return names
    .filter((name) => backupNote.test(name))
    .map((name) => ({ name, text: readFileSync(join(dataDir, name)) }));
};

/** Where a file comes to stand; its folder is made. */
const madePath = (folder: string, name: string): string => {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  return path;
};

const copy = async ({ name, db }: Pinned, folder: string, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted();
  const path = madePath(folder, name);
  const file = await open(path, 'a');
  const flush = flushing(file);
  try {
    const progress = () => {
      signal.throwIfAborted();
      flush.begin();
    };
    await backup(db, path, { rate: pagesAtOnce, progress });
  } finally {
    await flush.done();
    await file.close();
  }
};

/**
 * Writes out what was copied as it comes. Left to the end it would all be written at once, and the disk, and with it
 * every append to the log, would stand still for that long.
 */
const flushing = (file: FileHandle) => {
  let running: Promise<void> | undefined;
  return {
    begin: (): void => {
      running ??= file
        .datasync()
        .catch(() => {})
        .finally(() => {
          running = undefined;
        });
    },
    done: async (): Promise<void> => running,
  };
};
