import { existsSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '@recourse/infra/errors';
import { syncFolder } from '../backup/restore.ts';

/** What a data folder says of itself that was moved to a distributed installation. Nothing in it is secret. */
export type MovedNote = {
  /** What keeps the log there. */
  readonly to: 'postgres' | 'eventstore';
  /** Where that is, for people: hosts, database, schema, and the prefix of the topics. */
  readonly at: string;
  /** An ISO 8601 time. */
  readonly movedAt: string;
  /** The position of the last record. */
  readonly position: number;
};

/** The file that marks such a folder. */
const noteName = 'moved.json';

/** What a folder says of itself; undefined where it was not moved. */
export const movedNote = (dataDir: string): MovedNote | undefined => {
  const path = join(dataDir, noteName);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as MovedNote) : undefined;
};

/** Marks a folder as moved, durably. */
export const markMoved = async (dataDir: string, note: MovedNote): Promise<void> => {
  const path = join(dataDir, noteName);
  const file = await open(`${path}.new`, 'w');
  try {
    await file.writeFile(`${JSON.stringify(note, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(dataDir);
};

/**
 * Refuses to start on a data folder that was moved: its orders go on elsewhere, and every charge and parcel that is
 * still to come would come twice. Throws the `StartError` `moved`.
 */
export const refuseMoved = (dataDir: string): void => {
  const note = movedNote(dataDir);
  if (note === undefined) return;
  throw new StartError(
    'moved',
    `${dataDir} was moved on ${note.movedAt} to ${note.at}: its orders go on there, and started here they would go on twice. ` +
      `Start with the settings of that installation (KAFKA_BROKERS among them). If nothing was ever started there and it is given up for good, remove ${noteName}.`,
  );
};
