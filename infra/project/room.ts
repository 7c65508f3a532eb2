import { existsSync, statfsSync, statSync } from 'node:fs';

/** Room on the disk, which a rebuild must leave to the event log: with a full disk no order is taken. */

/** Bytes of the disk that a rebuild leaves free, whatever happens. */
const bytesKeptFree = 64 * 1024 * 1024;

/** A file folded anew may be larger than the one it replaces: its write-ahead log, and what came in meanwhile. */
const growth = 1.5;

/** What a projection's file takes on the disk. */
export const bytesOf = (path: string): number =>
  ['', '-wal'].reduce(
    (sum, suffix) => sum + (existsSync(path + suffix) ? statSync(path + suffix).size : 0),
    0,
  );

/** The bytes that are free on the disk of a folder. */
export const bytesFree = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};

/** What must be free before files are folded anew that take so much now. */
export const bytesNeeded = (bytesNow: number): number => Math.ceil(bytesNow * growth) + bytesKeptFree;
