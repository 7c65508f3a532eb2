import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Pace } from '../ports/read-models.ts';

/** Which of a projection's files serves its reads, and which one is being folded to take its place. */

/** What tells a file of a projection from its others: `build` counts the folds of one version, from 0. */
export type FileId = { readonly version: number; readonly build: number };

/** A projection's pointer, as its JSON file has it. `rebuild` was asked for, and has not taken its place yet. */
export type Pointer = FileId & { readonly rebuild?: FileId & { readonly pace: Pace } };

const pointerPath = (folder: string, name: string) => join(folder, `${name}.json`);

/** The name of a projection's file: `orders-v1.db`, and `orders-v1-1.db` for the first that was folded anew. */
export const fileName = (name: string, { version, build }: FileId): string =>
  `${name}-v${version}${build === 0 ? '' : `-${build}`}.db`;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isFileId = <T extends { readonly version?: unknown; readonly build?: unknown }>(
  value: T | undefined,
): value is T & FileId => isCount(value?.version) && isCount(value.build);

/** The pointer of a projection, or `undefined` before its first. */
export const readPointer = (folder: string, name: string): Pointer | undefined => {
  try {
    const found = JSON.parse(readFileSync(pointerPath(folder, name), 'utf8')) as Partial<Pointer>;
    // An earlier Recourse wrote no `build`: it had one file for each version.
    const { version, build = 0, rebuild } = found;
    const id = { version, build };
    if (!isFileId(id)) return undefined;
    return isFileId(rebuild) ? { ...id, rebuild } : id;
  } catch {
    return undefined; // missing or unreadable: it can always be made again
  }
};

/** Moves the pointer, at once for whoever looks; it is on the disk when this returns. */
export const writePointer = (folder: string, name: string, pointer: Pointer): void => {
  mkdirSync(folder, { recursive: true });
  const path = pointerPath(folder, name);
  const file = openSync(`${path}.new`, 'w');
  try {
    writeSync(file, `${JSON.stringify({ ...pointer, file: fileName(name, pointer) })}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
};

const suffixes = ['', '-wal', '-shm', '-journal'];

/** Removes a file of a projection. One that cannot be removed now is a stray one, which goes at the next start. */
export const removeFile = (path: string): void => {
  for (const suffix of suffixes) {
    try {
      rmSync(`${path}${suffix}`, { force: true });
    } catch {
      // Somebody holds it open, on a system that minds.
    }
  }
};

/** Removes the files of a projection that nothing points to: left by a crash in the middle of a swap. */
export const removeStrays = (folder: string, name: string, pointer: Pointer): void => {
  const kept = new Set([fileName(name, pointer)]);
  if (pointer.rebuild !== undefined) kept.add(fileName(name, pointer.rebuild));
  const own = new RegExp(`^(${name}-v\\d+(?:-\\d+)?\\.db)(?:-wal|-shm|-journal)?$`);
  for (const found of readdirSync(folder)) {
    const file = own.exec(found)?.[1];
    if (file !== undefined && !kept.has(file)) removeFile(join(folder, file));
  }
};
