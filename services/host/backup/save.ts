import { existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { BackupManifest } from '@recourse/contracts/backup';
import { fullAsSaid, needRoom } from '@recourse/infra/backup/room';
import { StartError } from '@recourse/infra/errors';
import { readBackup } from './read-backup.ts';
import { syncFolder } from './restore.ts';

/** Bytes after which what was written is synced: all at the end, the disk would stand still for everybody. */
const syncEveryBytes = 16 * 1024 * 1024;

/** How a backup is saved. */
export type SaveOptions = {
  /** Where to: a file that is not there yet. */
  readonly file: string;
  /** Takes the backup: the bytes of the tar file. */
  take(): Promise<AsyncIterable<Uint8Array>>;
  /** Told of the bytes of files there will be, then of each part as it is written. */
  onBytes?(total: number): void;
  onWritten?(bytes: number): void;
};

/**
 * Saves a backup: written to `<file>.part`, checked, synced, and only then given its name. Throws `StartError`:
 * `file-exists`, `file-unusable`, `no-space`, or what `readBackup` throws; then there is no file.
 */
export const saveBackup = async ({ take, ...it }: SaveOptions): Promise<BackupManifest> => {
  const file = resolve(it.file);
  const part = `${file}.part`;
  if (existsSync(file))
    throw new StartError('file-exists', `${file} is there already: name another. No backup was taken.`);
  // One that is there may be another backup's, which is being saved now.
  const handle = await open(part, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST')
      throw new StartError(
        'file-exists',
        `${part} is there: a backup is being saved there, or one was broken off. Remove it then, or name another file. No backup was taken.`,
      );
    throw new StartError('file-unusable', `${part} cannot be written: ${error.message}.`);
  });
  let unsynced = 0;
  try {
    const manifest = await readBackup(await take(), {
      name: file,
      onManifest: ({ files }) => {
        const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
        needRoom(dirname(file), total);
        it.onBytes?.(total);
      },
      onChunk: async (chunk) => {
        await handle.writeFile(chunk);
        unsynced += chunk.length;
        if (unsynced >= syncEveryBytes) {
          await handle.datasync();
          unsynced = 0;
        }
        it.onWritten?.(chunk.length);
      },
    });
    await handle.sync();
    await handle.close();
    await rename(part, file);
    await syncFolder(dirname(file));
    return manifest;
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(part, { force: true });
    throw fullAsSaid(error, dirname(file));
  }
};
