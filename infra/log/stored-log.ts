import type { DatabaseSync } from 'node:sqlite';
import { DamagedError, ReadOnlyError, StartError, UnknownVersionError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import { type EventLog, noStream } from '../ports/event-log.ts';
import { openDatabaseToRead } from './database.ts';
import { followers } from './followers.ts';
import { recordReader } from './records.ts';
import { rangeOf } from './sqlite-log.ts';
import { headIn, streamTable } from './streams.ts';

/** A log that nobody writes, for looking at it. */
export type StoredLog = EventLog & {
  /** What shows already that the file is not what was written; `undefined` where nothing does. */
  damage(): DamagedError | undefined;
};

/** Owners (orders, SKUs, receipts) whose streams' heads are kept in memory. */
const streamsCachedMax = 1_024;

/**
 * Opens the file of a log that no process writes now (see `holdFolder`), and changes nothing in it. What was damaged
 * is no reason not to open: reading what cannot be read rejects with `DamagedError`, every append with
 * `ReadOnlyError`. Throws a `StartError` where the file is another's, or was written by a newer Recourse.
 */
export const openStoredLog = (path: string, clock: Clock): StoredLog => {
  let db: DatabaseSync | undefined;
  try {
    db = openDatabaseToRead(path);
    return readable(db, path, clock);
  } catch (error) {
    db?.close();
    if (error instanceof StartError) throw error;
    return unreadable(asDamage(error));
  }
};

/** Whatever goes wrong when a file is read that nobody writes is the file's own fault. */
const asDamage = (error: unknown): DamagedError => {
  if (error instanceof DamagedError) return error;
  const text = (error as Partial<Error> | null)?.message ?? String(error);
  return new DamagedError(text.startsWith('the log is damaged') ? text : `the log is damaged: ${text}`, {
    cause: error,
  });
};

const readOnly = async () => {
  throw new ReadOnlyError('The data folder is open for reading only: start the server to write to it.');
};

const readable = (db: DatabaseSync, path: string, clock: Clock): StoredLog => {
  const reader = recordReader(db);
  const unknown = reader.firstUnknown();
  if (unknown !== undefined)
    throw new StartError(
      'log-newer',
      `cannot open the log ${path}: record ${unknown.position} is a ${unknown.name} of version ${unknown.version}, written by a newer Recourse: use that one, or a later one`,
    );
  const streams = streamTable(db, streamsCachedMax);
  const head = reader.head();

  const reading = async <T>(read: () => T): Promise<T> => {
    try {
      return read();
    } catch (error) {
      throw error instanceof UnknownVersionError ? error : asDamage(error);
    }
  };
  const crowd = followers({
    clock,
    head: () => head,
    recent: () => undefined,
    stored: reader.after,
    onUnreadable: () => {},
  });
  const endLost = (): DamagedError | undefined => {
    try {
      const { last } = db.prepare('SELECT max(position) AS last FROM heads').get() as { last: number | null };
      if (last === null || last <= head) return undefined;
      return new DamagedError(
        `the log is damaged: records after position ${head} are missing, up to ${last}; restore it from a backup`,
      );
    } catch (error) {
      return asDamage(error);
    }
  };

  return {
    append: readOnly,
    readStream: (stream, options = {}) =>
      reading(() => {
        const ref = streams.find(stream);
        if (ref === undefined) return [];
        const { first, last } = rangeOf(headIn(ref), options);
        const backwards = options.direction === 'backwards';
        return first > last ? [] : reader.ofStream(ref, stream, first, last, backwards);
      }),
    headOf: (stream) =>
      reading(() => {
        const ref = streams.find(stream);
        return ref === undefined ? noStream : headIn(ref);
      }),
    readAll: (after, max) => reading(() => reader.after(after, max)),
    head: async () => head,
    follow: crowd.follow,
    damage: endLost,
    close: async () => {
      await crowd.close();
      if (db.isOpen) db.close();
    },
  };
};

/** The file cannot be read at all: its head is 0. */
const unreadable = (error: DamagedError): StoredLog => {
  const refuse = async () => {
    throw error;
  };
  return {
    append: readOnly,
    readStream: refuse,
    headOf: refuse,
    readAll: refuse,
    head: async () => 0,
    follow: () => ({ close: async () => {} }),
    damage: () => error,
    close: async () => {},
  };
};
