import { registry } from '@recourse/contracts/registry';
import type { Logger } from 'pino';
import { StartError, UnavailableError } from '../errors.ts';
import { followers } from '../log/followers.ts';
import { appendIntake } from '../log/intake.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventLog } from '../ports/event-log.ts';
import { type AppendLimits, appendQueue } from './appends.ts';
import { type Connection, type ConnectionLimits, RefusedError } from './connection.ts';
import { type ForeignRecord, recordImport } from './import.ts';
import { logReads, type ReadLimits } from './reads.ts';
import { connectionTo } from './shared.ts';
import { logTail, type TailLimits } from './tail.ts';
import { risingTimes } from './times.ts';

export type { ForeignRecord } from './import.ts';

/** What a log may hold and send, and how long it waits. */
export type EventStoreLimits = AppendLimits & ReadLimits & TailLimits & ConnectionLimits;

/** How a log is opened. */
export type EventStoreLogOptions = {
  /** A connection string (see `clientSettings`); secret. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<EventStoreLimits>;
  /** How long each append took until it was answered, in milliseconds. */
  readonly observeAppendMs?: (ms: number) => void;
  /** Called when a follower meets a record that cannot be read, and when the log has lost its end. */
  readonly onFailure?: (error: Error) => void;
};

/** What the log on EventStoreDB gives besides the port. */
export type EventStoreLog = EventLog & {
  /** Why it cannot be read or written now; none while it can. */
  problems(): readonly string[];
  /**
   * Copies records of another log, in their order, each to its own stream and revision, with its id and its time.
   * What is there already is passed over, so that it can be done again. Resolves with how many were stored. Nobody
   * else may append meanwhile. Rejects with `DamagedError` where other records stand there.
   */
  importRecords(records: readonly ForeignRecord[]): Promise<number>;
};

const mebibyte = 1024 * 1024;

const defaults: Omit<EventStoreLimits, keyof ConnectionLimits> = {
  appendBytesMax: mebibyte,
  appendsInFlightMax: 256,
  appendBytesInFlightMax: 8 * mebibyte,
  appendsQueuedMax: 20_000,
  appendBytesQueuedMax: 64 * mebibyte,
  asksMax: 3,
  readEventsMax: 500,
  recentMax: 8_192,
  recentBytesMax: 16 * mebibyte,
  lookEveryMs: 5_000,
  subscribeAgainMs: 250,
};

/** Every event of this build, as `appendIntake` knows types. */
const ourTypes = [...registry]
  .filter(([, { kind }]) => kind === 'event')
  .map(([name, { version }], id) => ({ id, name, version }));

/**
 * The event log on EventStoreDB (KurrentDB), which any number of processes write and follow. Its positions have gaps.
 * Events of others on the same server are passed over. Rejects with `UnavailableError` where the server cannot be reached,
 * with a `StartError` where it refuses us or the URL is none.
 */
export const openEventStoreLog = async (options: EventStoreLogOptions): Promise<EventStoreLog> => {
  const { clock, logger, onFailure } = options;
  const limits = { ...defaults, ...options.limits };
  const connection = connectionTo(options);
  const times = risingTimes();
  const reads = logReads(connection, times, limits);
  await reached(connection, reads.last);
  let closed: Promise<void> | undefined;

  const report = (error: Error) => {
    if (error instanceof UnavailableError) return;
    logger.error({ err: error }, error.message);
    onFailure?.(error);
  };
  const tail = logTail({
    connection,
    reads,
    times,
    clock,
    logger,
    limits,
    onNews: () => crowd.poke(),
    onLost: report,
  });
  const crowd = followers({
    clock,
    head: tail.head,
    recent: tail.recent,
    stored: reads.readAll,
    onUnreadable: report,
    onGoesOn: (position) =>
      logger.info({ position }, `a follower of the log goes on after position ${position}`),
  });
  const appends = appendQueue({
    connection,
    intake: appendIntake({ types: () => ourTypes }),
    clock,
    limits,
    observeAppendMs: options.observeAppendMs,
  });
  const head = async () => (await reads.last())?.position ?? 0;

  const open = () => {
    if (closed !== undefined) throw new UnavailableError('the log is closed');
  };

  return {
    append: appends.append,
    readStream: async (stream, asked = {}) => {
      open();
      return reads.readStream(stream, asked);
    },
    headOf: async (stream) => {
      open();
      return reads.headOf(stream);
    },
    readAll: async (after, max) => {
      open();
      return reads.readAll(after, max);
    },
    head: async () => {
      open();
      return head();
    },
    follow: (after, batchMax, onRecords) => {
      if (closed === undefined) tail.begin();
      return crowd.follow(after, batchMax, onRecords);
    },
    problems: () => {
      const problem = connection.problem();
      return problem === undefined ? [] : [problem];
    },
    importRecords: recordImport(connection, head),
    close: () => {
      closed ??= (async () => {
        await appends.close();
        tail.close();
        await crowd.close();
        await connection.close();
      })();
      return closed;
    },
  };
};

const reached = async (connection: Connection, look: () => Promise<unknown>): Promise<void> => {
  try {
    await look();
  } catch (error) {
    await connection.close();
    if (!(error instanceof RefusedError)) throw error;
    throw new StartError(
      'eventstore',
      `cannot open the event log: ${error.message}. Check the name and the password in EVENTSTORE_URL, and that this user may read $all and write streams.`,
    );
  }
};
