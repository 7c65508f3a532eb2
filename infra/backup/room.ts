import { statfsSync } from 'node:fs';
import { NoSpaceError } from '../errors.ts';

/** What is left free besides, for what is written meanwhile. */
const spareBytes = 32 * 1024 * 1024;

/** How many bytes the disk of a folder can still take. */
export const freeBytesOf = (folder: string): number => {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
};

const megabytes = (bytes: number) => Math.ceil(bytes / (1024 * 1024)).toLocaleString('en-GB');

/** Throws `NoSpaceError` where a folder's disk has no room for so many bytes, and some spare ones. */
export const needRoom = (folder: string, bytes: number, freeBytes = freeBytesOf): void => {
  const free = freeBytes(folder);
  const needed = bytes + spareBytes;
  if (free >= needed) return;
  throw new NoSpaceError(
    `The disk of ${folder} has ${megabytes(free)} MB free, and ${megabytes(needed)} MB are needed: make room, or use another disk.`,
  );
};

/** SQLite's code for a full disk (https://sqlite.org/rescode.html#full). */
const sqliteFull = 13;

/** What is thrown where a folder's disk became full meanwhile: a `NoSpaceError`; any other error as it is. */
export const fullAsSaid = (error: unknown, folder: string): unknown => {
  const { code, errcode } = error as { readonly code?: string; readonly errcode?: number };
  if (code !== 'ENOSPC' && errcode !== sqliteFull) return error;
  return new NoSpaceError(
    `The disk of ${folder} was full before all was written: make room, or use another disk.`,
  );
};
