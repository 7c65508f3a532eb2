import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { ExportRecord } from '@recourse/contracts/export';
import type { StreamName } from '@recourse/contracts/streams';
import { StartError } from '@recourse/infra/errors';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { NewEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { holdToFill, moveInto, refuseData } from '../backup/restore.ts';
import { type ImportNote, importNoteName } from '../imported.ts';
import { type Exported, readExport } from './read-export.ts';

/** What an import has come to. */
export type Imported = {
  readonly header: Exported['header'];
  readonly records: number;
  /** Records of the stock, which were left out: of their streams the export holds this order's part only. */
  readonly leftOut: number;
};

/**
 * Reads an export into a data folder that holds no data, with revisions, ids and times kept, and marks the folder so
 * that nothing is started on it. It is filled beside its place and moved there in one step: all of it or nothing.
 * Throws `StartError`: `data-folder-not-empty`, `export-missing`, or what `readExport` throws.
 */
export const importExport = async (file: string, folder: string): Promise<Imported> => {
  const dataDir = resolve(folder);
  refuseData(dataDir);
  if (!existsSync(file))
    throw new StartError('export-missing', `${file} does not exist. Nothing was changed.`);
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new StartError('not-an-export', `${file} cannot be read: ${error.message}. Nothing was changed.`);
  });
  const { header, records } = readExport(text, file);
  const own = records.filter(({ forReading }) => forReading !== true);
  const held = holdToFill(dataDir);
  const beside = `${dataDir}.importing`;
  try {
    await rm(beside, { recursive: true, force: true });
    await mkdir(beside);
    await writeLog(join(beside, 'log.db'), own);
    const note: ImportNote = { orderId: header.orderId, from: basename(file) };
    await writeFile(join(beside, importNoteName), `${JSON.stringify(note)}\n`);
    await moveInto(beside, dataDir, held);
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    throw error;
  } finally {
    held.release();
  }
  return { header, records: own.length, leftOut: records.length - own.length };
};

/** The log stamps times by its clock: here that is the time of the record at hand. */
const writeLog = async (path: string, records: readonly ExportRecord[]): Promise<void> => {
  let now = 0;
  const log = openSqliteLog({ path, clock: { ...systemClock, now: () => now } });
  try {
    for (const { stream, revision, time, ...event } of records) {
      now = Date.parse(time);
      await log.append(stream as StreamName, revision - 1, [event as unknown as NewEvent]);
    }
  } finally {
    await log.close();
  }
};
