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

/** Where the process that holds a folder listens. */
export type Holder = { readonly host: string; readonly port: number };

/** A folder that is held. `release` gives it up; the end of the process, however it ends, does too. */
export type Held = { release(): void };

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

/** Says who holds a folder, as far as the holder's note can be read. */
const holderOf = (notePath: string): string => {
  try {
    const { pid, host, port, since } = JSON.parse(readFileSync(notePath, 'utf8'));
    return `by process ${pid} (${host}:${port}) since ${since}`;
  } catch {
    return 'by another process';
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
  const notePath = join(folder, 'lock.json');
  const unmake = made.toReversed().map((each) => () => rmdirSync(each));
  let held: DatabaseSync | undefined;

  const release = () => {
    if (!held?.isOpen) return;
    rmSync(notePath, { force: true });
    const isEmpty = made.length > 0 && readdirSync(folder).every((name) => name.startsWith('lock.db'));
    // While it is held: after that the file may be another process's lock.
    if (isEmpty) tidy(() => rmSync(lockPath));
    held.close();
    if (isEmpty) tidy(...unmake);
  };

  try {
    held = lockAt(lockPath);
    const note = { pid: process.pid, ...who, since: new Date(clock.now()).toISOString() };
    if (held !== undefined) writeFileSync(notePath, `${JSON.stringify(note)}\n`);
  } catch (error) {
    release();
    tidy(...unmake);
    throw unusable(folder, 'locked', error);
  }
  if (held === undefined)
    throw new StartError(
      'data-folder-held',
      `the data folder ${folder} is held ${holderOf(notePath)}: stop that process, or choose another folder with --data-dir or DATA_DIR`,
    );
  return { release };
};
