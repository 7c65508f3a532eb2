import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StartError } from './errors.ts';
import type { Clock } from './ports/clock.ts';
import { systemClock } from './system.ts';

/** Where the process that holds a folder listens; port 0 while that is not known yet. */
export type Holder = {
  readonly host: string;
  readonly port: number;
  /** It only looks at the folder, and soon gives it up: nothing runs there. */
  readonly reading?: true;
};

/** A folder that is held. `release` gives it up; the end of the process, however it ends, does too. */
export type Held = {
  /** Says where its holder listens, now that it does. */
  note(who: Holder): void;
  release(): void;
};

/** SQLite's code for a lock that another connection has (https://sqlite.org/rescode.html#busy). */
const sqliteBusy = 5;

/**
 * Makes a folder and those above it; answers those made, outermost first. Level by level: `mkdirSync` with `recursive`
 * never returns where a parent exists that takes no folders and says ENOENT, as those of /proc do.
 */
const makeLevels = (folder: string): string[] => {
  if (existsSync(folder)) return [];
  const above = makeLevels(dirname(folder));
  mkdirSync(folder);
  return [...above, folder];
};

const unusable = (folder: string, what: string, error: unknown) =>
  new StartError(
    'data-folder-unusable',
    `DATA_DIR (--data-dir) ${folder} cannot be ${what} (${(error as Error).message}): choose another folder, or make this one writable.`,
  );

/** Makes the folder where it does not exist, and sees that it can be used; answers the folders made. */
const makeFolder = (folder: string): string[] => {
  try {
    const made = makeLevels(folder);
    // The slash asks for a folder: a file of that name answers ENOTDIR.
    accessSync(join(folder, sep), constants.R_OK | constants.W_OK | constants.X_OK);
    return made;
  } catch (error) {
    throw unusable(folder, 'written', error);
  }
};

type Note = Holder & { readonly pid: number; readonly since: string };

const notePathOf = (folder: string) => join(folder, 'lock.json');

const readNote = (folder: string): Note | undefined => {
  try {
    return JSON.parse(readFileSync(notePathOf(folder), 'utf8')) as Note;
  } catch {
    return undefined;
  }
};

/** Says who holds a folder, as far as the holder's note can be read. */
const holderText = (folder: string): string => {
  const note = readNote(folder);
  if (note === undefined) return 'by another process';
  return `by process ${note.pid} (${note.host}:${note.port}) since ${note.since}`;
};

/**
 * Who holds a folder now, whatever an old note says; `undefined` where nobody does, `unknown` where its note cannot be
 * read. Takes and changes nothing.
 */
export const holderOf = (dataDir: string): Note | 'unknown' | undefined => {
  const folder = resolve(dataDir);
  const lockPath = join(folder, 'lock.db');
  if (!existsSync(lockPath)) return undefined;
  const db = new DatabaseSync(lockPath, { readOnly: true, timeout: 0 });
  try {
    db.prepare('SELECT 1 FROM sqlite_schema').get();
    return undefined;
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== sqliteBusy) throw unusable(folder, 'read', error);
    return readNote(folder) ?? 'unknown';
  } finally {
    db.close();
  }
};

/** Which file stands at a path now, if any. */
const fileAt = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino;

/** Takes the lock; undefined where another process has it. */
const lockAt = (path: string): DatabaseSync | undefined => {
  const db = new DatabaseSync(path, { timeout: 0 });
  const opened = fileAt(path);
  try {
    db.exec('BEGIN EXCLUSIVE');
    // Who held it may just have removed the file (see `release`), and another process may hold the next one.
    if (opened !== undefined && fileAt(path) === opened) return db;
    db.close();
  } catch (error) {
    db.close();
    if ((error as { errcode?: number }).errcode !== sqliteBusy) throw error;
  }
  return undefined;
};

/** Removes what this system and whatever else came into a folder let be removed. */
const tidy = (...removals: (() => void)[]) => {
  try {
    for (const remove of removals) remove();
  } catch {
    // It may stay: it is in nobody's way.
  }
};

/**
 * Takes a data folder for this process alone, making it where it does not exist. The lock is an exclusive transaction
 * that stays open on `lock.db`, so the operating system ends it with the process; `lock.json` beside it only tells
 * people who holds it. Folders that were made here, and into which nothing came, are removed by `release`. Throws a
 * `StartError`: `data-folder-held` where another process has it, `data-folder-unusable` where it cannot be made,
 * written or locked.
 */
export const holdFolder = (dataDir: string, who: Holder, clock: Clock = systemClock): Held => {
  const folder = resolve(dataDir);
  const made = makeFolder(folder);
  const lockPath = join(folder, 'lock.db');
  const since = new Date(clock.now()).toISOString();
  const unmake = made.toReversed().map((each) => () => rmdirSync(each));
  let held: DatabaseSync | undefined;

  const note = (holder: Holder) =>
    writeFileSync(notePathOf(folder), `${JSON.stringify({ pid: process.pid, ...holder, since })}\n`);

  const release = () => {
    if (!held?.isOpen) return;
    rmSync(notePathOf(folder), { force: true });
    const isEmpty = made.length > 0 && readdirSync(folder).every((name) => name.startsWith('lock.db'));
    // While it is held: after that the file may be another process's lock.
    if (isEmpty) tidy(() => rmSync(lockPath));
    held.close();
    if (isEmpty) tidy(...unmake);
  };

  try {
    held = lockAt(lockPath);
    if (held !== undefined) note(who);
  } catch (error) {
    release();
    tidy(...unmake);
    throw unusable(folder, 'locked', error);
  }
  if (held === undefined)
    throw new StartError(
      'data-folder-held',
      `the data folder ${folder} is held ${holderText(folder)}: stop that process, or choose another folder with --data-dir or DATA_DIR`,
    );
  return { note, release };
};
