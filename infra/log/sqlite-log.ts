import type { DatabaseSync } from 'node:sqlite';
import type { Logger } from 'pino';
import { StartError, UnavailableError, UnknownVersionError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import { type EventLog, noStream, type ReadOptions, type RecordedEvent } from '../ports/event-log.ts';
import { openDatabase, pragma } from './database.ts';
import { followers } from './followers.ts';
import { recentRecords } from './recent.ts';
import { type RecordReader, recordReader } from './records.ts';
import { headIn, type StreamRef, type StreamTable, streamTable } from './streams.ts';
import { type LogFaults, logWriter } from './writer.ts';

/** How a log is opened. */
export type SqliteLogOptions = {
  /** The file, made where it does not exist; its folder must. Beside it SQLite keeps `-wal` and `-shm`. */
  readonly path: string;
  readonly clock: Clock;
  /** Records kept in memory for those who follow near the head. */
  readonly recentMax?: number;
  /** The bytes of JSON that those may hold together. */
  readonly recentBytesMax?: number;
  /** Owners (orders, SKUs, receipts) whose streams' heads are kept in memory. */
  readonly streamsCachedMax?: number;
  readonly logger?: Logger;
  /** Called when the log takes no more writes, and when a follower meets a record that cannot be read. */
  readonly onFailure?: (error: Error) => void;
  /** How long each transaction took from its begin until it was synced, in milliseconds. */
  readonly observeAppendMs?: (ms: number) => void;
  /** The most pages of 4 KiB that the file may grow to: a full disk for tests. */
  readonly maxPageCount?: number;
  readonly faults?: LogFaults;
};

/** What the embedded log gives besides the port. */
export type SqliteLog = EventLog & {
  /** Why the log takes no more writes; `undefined` while it does. Reads of what was synced go on. */
  failed(): Error | undefined;
  /** The position of the last synced record, 0 when empty. */
  headNow(): number;
  /** The bytes of the file with all its records, those still in the write-ahead log included. */
  storedBytes(): number;
};

/** The revisions that a read asks for, the lower first; none where `first` is above `last`. */
export const rangeOf = (head: number, { from, direction, max = Number.MAX_SAFE_INTEGER }: ReadOptions) => {
  if (direction === 'backwards') {
    const last = Math.min(from ?? head, head);
    return { first: Math.max(0, last - max + 1), last };
  }
  const first = Math.max(0, from ?? 0);
  return { first, last: Math.min(head, first + max - 1) };
};

/** The last record, checked: a log that has lost its end must not go on as if that had never been. */
const lastRecord = (db: DatabaseSync, path: string, reader: RecordReader, streams: StreamTable) => {
  try {
    const unknown = reader.firstUnknown();
    if (unknown !== undefined)
      throw new UnknownVersionError(
        `record ${unknown.position} is a ${unknown.name} of version ${unknown.version}, written by a newer Recourse: start that one, or a later one`,
      );
    const last = reader.after(reader.head() - 1, 1)[0];
    const ref = last && streams.find(last.stream);
    if (last !== undefined && (ref === undefined || headIn(ref) !== last.revision))
      throw new Error(`records after position ${last.position} are missing; restore it from a backup`);
    return last;
  } catch (error) {
    db.close();
    const code = error instanceof UnknownVersionError ? 'log-newer' : 'log-damaged';
    throw new StartError(code, `cannot open the log ${path}: ${(error as Error).message}`);
  }
};

/**
 * The embedded event log: one SQLite file, written by this process alone (see `holdFolder`), on the main thread.
 * Throws a `StartError` where the file cannot be opened, is no log, or was written by a newer Recourse.
 */
export const openSqliteLog = (options: SqliteLogOptions): SqliteLog => {
  const { path, clock, logger, onFailure, recentMax = 8_192, recentBytesMax = 16 * 1024 * 1024 } = options;
  const db = openDatabase(path, options.maxPageCount);
  const reader = recordReader(db);
  const streams = streamTable(db, options.streamsCachedMax ?? 8_192);
  const recent = recentRecords(recentMax, recentBytesMax);
  const last = lastRecord(db, path, reader, streams);
  let closed: Promise<void> | undefined;

  const report = (error: Error) => {
    logger?.error({ err: error, path }, error.message);
    onFailure?.(error);
  };
  const writer = logWriter({
    db,
    clock,
    streams,
    reader,
    recent,
    faults: options.faults ?? {},
    last: { position: last?.position ?? 0, time: last?.time ?? 0 },
    onCommitted: () => crowd.poke(),
    onFailed: report,
    observeAppendMs: options.observeAppendMs,
  });
  const crowd = followers({
    clock,
    head: writer.head,
    recent: recent.after,
    stored: reader.after,
    onUnreadable: report,
    onGoesOn: (position) =>
      logger?.info({ path, position }, `a follower of the log goes on after position ${position}`),
  });

  const refuseClosed = () => {
    if (!db.isOpen) throw new UnavailableError(`the log ${path} is closed`);
  };
  const readRange = (ref: StreamRef, name: string, first: number, last: number, backwards: boolean) => {
    const inMemory = recent.ofStream(ref.owner.lastPositions[ref.category] ?? 0, first, last);
    if (inMemory === undefined) return reader.ofStream(ref, name, first, last, backwards);
    return backwards ? inMemory : inMemory.reverse();
  };

  return {
    append: writer.append,
    readStream: async (stream, options = {}) => {
      refuseClosed();
      const ref = streams.find(stream);
      if (ref === undefined) return [];
      const { first, last } = rangeOf(headIn(ref), options);
      return first > last ? [] : readRange(ref, stream, first, last, options.direction === 'backwards');
    },
    headOf: async (stream) => {
      refuseClosed();
      const ref = streams.find(stream);
      return ref === undefined ? noStream : headIn(ref);
    },
    readAll: async (after, max): Promise<readonly RecordedEvent[]> => {
      refuseClosed();
      return recent.after(after, max) ?? reader.after(after, max);
    },
    head: async () => writer.head(),
    headNow: writer.head,
    follow: crowd.follow,
    failed: writer.refusal,
    storedBytes: () => pragma(db, 'page_count') * pragma(db, 'page_size'),
    close: () => {
      closed ??= (async () => {
        writer.close();
        await crowd.close();
        if (db.isOpen) db.close();
      })();
      return closed;
    },
  };
};
