import { rmSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { backupFormat, manifestName } from '@recourse/contracts/backup';
import { formatPosition, rfc3339 } from '@recourse/contracts/http';
import { create } from 'tar';
import { BackupRunningError } from '../errors.ts';
import type { Backups, BackupUnderWay } from '../ports/backups.ts';
import type { Clock } from '../ports/clock.ts';
import { freeBytesOf, fullAsSaid, needRoom } from './room.ts';
import { sealed } from './seal.ts';
import { openSnapshot } from './snapshot.ts';
import { sumFiles } from './sums.ts';

/** How backups are taken. */
export type BackupsOptions = {
  readonly dataDir: string;
  readonly clock: Clock;
  /** The version of this Recourse. */
  readonly version: string;
  /** How many bytes a folder's disk can still take; default: asked of the system. */
  readonly freeBytes?: (folder: string) => number;
};

/** Bytes of a file that are read and sent at once. */
const readBytesMax = 512 * 1024;

/**
 * Backups of a data folder, taken beside whoever writes it. Each is copied first, into `backing-up` in the same
 * folder, and streamed from there, so that a slow reader holds nothing up. What a process that was killed left there
 * is removed when this is opened.
 */
export const openBackups = (options: BackupsOptions): Backups & { close(): Promise<void> } => {
  const { dataDir, freeBytes = freeBytesOf } = options;
  const folder = join(dataDir, 'backing-up');
  rmSync(folder, { recursive: true, force: true });
  const closing = new AbortController();
  let running: BackupUnderWay | 'copying' | undefined;

  const end = async () => {
    await rm(folder, { recursive: true, force: true });
    running = undefined;
  };

  return {
    take: async (signal) => {
      if (running !== undefined)
        throw new BackupRunningError('A backup is being taken: wait until it is done.');
      running = 'copying';
      const given = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
      try {
        running = await takeInto(folder, given, { ...options, freeBytes }, end);
        return running;
      } catch (error) {
        await end();
        throw fullAsSaid(error, dataDir);
      }
    },
    close: async () => {
      closing.abort();
      if (running !== undefined && running !== 'copying') await running.end();
    },
  };
};

const takeInto = async (
  folder: string,
  signal: AbortSignal,
  { dataDir, clock, version, freeBytes }: Required<BackupsOptions>,
  end: () => Promise<void>,
): Promise<BackupUnderWay> => {
  const snapshot = openSnapshot(dataDir);
  try {
    const createdAt = rfc3339(clock.now());
    const bytes = snapshot.files.reduce((sum, file) => sum + file.bytes, 0);
    needRoom(dataDir, bytes, freeBytes);
    await mkdir(folder);
    await snapshot.copyInto(folder, signal);
    const names = snapshot.files.map(({ name }) => name);
    const summed = await sumFiles(
      names.map((name) => join(folder, name)),
      signal,
    );
    const files = names.map((name, index) => ({ name, ...summed[index]! }));
    const position = formatPosition(snapshot.position);
    const manifest = sealed({ format: backupFormat, recourse: version, createdAt, position, files });
    await writeFile(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
    return underWay(folder, names, bytes, end);
  } finally {
    snapshot.close();
  }
};

const underWay = (
  folder: string,
  names: readonly string[],
  bytes: number,
  end: () => Promise<void>,
): BackupUnderWay => {
  const stream = new PassThrough({ highWaterMark: readBytesMax });
  const pack = create({ cwd: folder, portable: true, strict: true, maxReadSize: readBytesMax }, [
    manifestName,
    ...names,
  ]);
  pack.on('error', (error) => stream.destroy(error as Error));
  pack.pipe(stream);
  return {
    stream,
    bytes,
    end: async () => {
      stream.destroy();
      await end();
    },
  };
};
