import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
 * Makes a folder and those above it. Level by level: `mkdirSync` with `recursive` never returns where a parent exists
 * that takes no folders and says ENOENT, as those of /proc do.
 */
const makeLevels = (folder: string) => {
  if (existsSync(folder)) return;
  makeLevels(dirname(folder));
  mkdirSync(folder);
};

const unusable = (folder: string, what: string, error: unknown) =>
  new StartError(
    'data-folder-unusable',
    `DATA_DIR (--data-dir) ${folder} cannot be ${what} (${(error as Error).message}): choose another folder, or make this one writable.`,
  );

const makeFolder = (folder: string) => {
  try {
    makeLevels(folder);
    // The slash asks for a folder: a file of that name answers ENOTDIR.
    accessSync(join(folder, sep), constants.R_OK | constants.W_OK | constants.X_OK);
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

/**
 * Takes a data folder for this process alone, making it where it does not exist. The lock is an exclusive transaction
 * that stays open on `lock.db`, so the operating system ends it with the process; `lock.json` beside it only tells
 * people who holds it. Throws a `StartError`: `data-folder-held` where another process has it,
 * `data-folder-unusable` where it cannot be made or written.
 */
export const holdFolder = (dataDir: string, who: Holder, clock: Clock = systemClock): Held => {
  const folder = resolve(dataDir);
  makeFolder(folder);
  const notePath = join(folder, 'lock.json');
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(join(folder, 'lock.db'), { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
    const note = { pid: process.pid, ...who, since: new Date(clock.now()).toISOString() };
    writeFileSync(notePath, `${JSON.stringify(note)}\n`);
  } catch (error) {
    db?.close();
    if ((error as { errcode?: number }).errcode === sqliteBusy)
      throw new StartError(
        'data-folder-held',
        `the data folder ${folder} is held ${holderOf(notePath)}: stop that process, or choose another folder with --data-dir or DATA_DIR`,
      );
    throw unusable(folder, 'locked', error);
  }
  const held = db;
  return {
    release: () => {
      if (!held.isOpen) return;
      rmSync(notePath, { force: true });
      held.close();
    },
  };
};
