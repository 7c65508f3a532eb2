import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, open, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { BackupManifest } from '@recourse/contracts/backup';
import { fullAsSaid, needRoom } from '@recourse/infra/backup/room';
import { StartError } from '@recourse/infra/errors';
import { type Held, holderOf, holdFolder } from '@recourse/infra/lock';
import { readBackup } from './read-backup.ts';

/** How a backup is put back. */
export type RestoreOptions = {
  readonly file: string;
  /** Where to: a folder that holds no data, or none. */
  readonly dataDir: string;
  /** Told of the bytes of files there will be, then of each part as it is written. */
  onBytes?(total: number): void;
  onWritten?(bytes: number): void;
};

/**
 * Puts a backup into a data folder that holds no data yet. It is unpacked beside the folder, checked, synced, and only
 * then moved into its place, in one step: all of it or nothing. Throws `StartError`: `data-folder-not-empty`,
 * `backup-missing` (it cannot be read, either), `no-space`, or what `readBackup` throws.
 */
export const restoreBackup = async ({ file, ...it }: RestoreOptions): Promise<BackupManifest> => {
  const dataDir = resolve(it.dataDir);
  refuseData(dataDir);
  if (!existsSync(file))
    throw new StartError('backup-missing', `${file} does not exist. Nothing was changed.`);
  const held = holdToFill(dataDir);
  const beside = `${dataDir}.restoring`;
  try {
    await rm(beside, { recursive: true, force: true });
    await mkdir(beside);
    const manifest = await readBackup(bytesOf(file), {
      name: file,
      onManifest: ({ files }) => {
        const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
        needRoom(dirname(dataDir), total);
        it.onBytes?.(total);
      },
      onFile: (name, chunks) => write(join(beside, name), chunks, it.onWritten),
    });
    await moveInto(beside, dataDir, held);
    return manifest;
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    throw fullAsSaid(error, dirname(dataDir));
  } finally {
    held.release();
  }
};

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file);
  } catch (error) {
    const why = (error as Error).message;
    throw new StartError('backup-missing', `${file} cannot be read: ${why}. Nothing was changed.`);
  }
}

/** What a folder may hold that holds no data: a lock of nobody. */
const lockFiles = new Set(['lock.db', 'lock.db-journal', 'lock.json']);

/** Refuses a folder that holds data, or that a process has: the `StartError` `data-folder-not-empty`; and a file. */
export const refuseData = (dataDir: string) => {
  if (!isBare(dataDir) || holderOf(dataDir) !== undefined) throw notEmpty(dataDir);
};

/**
 * Takes a folder that holds no data while another is filled to take its place: nobody else fills it, and nothing starts
 * on it. Throws as `refuseData` and `holdFolder` do.
 */
export const holdToFill = (dataDir: string): Held => {
  refuseData(dataDir);
  const held = holdFolder(dataDir, { host: '127.0.0.1', port: 0 });
  if (isBare(dataDir)) return held;
  held.release();
  throw notEmpty(dataDir);
};

const isBare = (dataDir: string): boolean => {
  if (!existsSync(dataDir)) return true;
  if (statSync(dataDir).isDirectory()) return readdirSync(dataDir).every((name) => lockFiles.has(name));
  throw new StartError(
    'data-folder-unusable',
    `${dataDir} is no folder: name another with --data-dir. Nothing was changed.`,
  );
};

const notEmpty = (dataDir: string) =>
  new StartError(
    'data-folder-not-empty',
    `${dataDir} holds data already: name another folder with --data-dir, or move this one away. Nothing was changed.`,
  );

const write = async (
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  onWritten: RestoreOptions['onWritten'],
) => {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'wx');
  try {
    for await (const chunk of chunks) {
      await file.writeFile(chunk);
      onWritten?.(chunk.length);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
};

/** Gives a folder that was filled beside its place that place, durably and in one step. The place is given up first. */
export const moveInto = async (beside: string, dataDir: string, held: Held) => {
  await syncFolder(beside);
  held.release();
  for (const name of lockFiles) await rm(join(dataDir, name), { force: true });
  if (existsSync(dataDir)) await rmdir(dataDir);
  await rename(beside, dataDir);
  await syncFolder(dirname(dataDir));
};

/** Makes the names in a folder durable; where a system cannot, they are as durable as it makes them. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
};
