import type { Logger } from 'pino';
import { StartError, UnavailableError } from '../../errors.ts';
import type { ForeignRecord } from '../../eventstore/import.ts';
import { appendIntake } from '../../log/intake.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventLog } from '../../ports/event-log.ts';
import type { Postgres } from '../connect.ts';
import { isRefusal } from '../errors.ts';
import { appendCalls, recordsOf } from './calls.ts';
import { logFollowing, readHead } from './following.ts';
import { recordImport } from './import.ts';
import { type ReadLimits, streamReads } from './reads.ts';
import { recordDecoder } from './records.ts';
import type { TailLimits } from './tail.ts';
import { openTypes } from './types.ts';
import { logWriter, type WriterLimits } from './writer.ts';

export type { ForeignRecord } from '../../eventstore/import.ts';

/** What a log may hold and send. */
export type PostgresLogLimits = WriterLimits & ReadLimits & TailLimits;

/** How a log is opened. */
export type PostgresLogOptions = {
  /** Its tables are there (see `migratePostgres`). Stays open when the log closes. */
  readonly postgres: Postgres;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<PostgresLogLimits>;
  /** How long each call took that stored appends, from when it was sent until it was answered, in milliseconds. */
  readonly observeAppendMs?: (ms: number) => void;
  /** Called when a follower meets a record that cannot be read, and when the log has lost its end. */
  readonly onFailure?: (error: Error) => void;
};

/** What the log in PostgreSQL gives besides the port. */
export type PostgresLog = EventLog & {
  /** Why it cannot be read or written now; none while it can. */
  problems(): readonly string[];
  /**
   * Copies records of another log, in their order, each to its own stream and revision, with its id and its time.
   * What is there already is passed over, so that it can be done again. Resolves with how many were stored. Rejects
   * with `DamagedError` where another record stands there, one before it is missing, or the log has later times.
   */
  importRecords(records: readonly ForeignRecord[]): Promise<number>;
};

const mebibyte = 1024 * 1024;

const defaults: PostgresLogLimits = {
  intakeEventsMax: 20_000,
  intakeBytesMax: 64 * mebibyte,
  callEventsMax: 2_000,
  callBytesMax: 4 * mebibyte,
  callsInFlightMax: 1,
  answerMsMax: 10_000,
  readStreamsMax: 256,
  readsInFlightMax: 2,
  recentMax: 8_192,
  recentBytesMax: 16 * mebibyte,
  tailReadMax: 1_000,
  tailPauseMs: 2,
};

/**
 * The event log in PostgreSQL, which any number of processes write and follow. Its positions have no gaps. Rejects with
 * `UnavailableError` where PostgreSQL cannot be reached, with a `StartError` where it refuses us or has no such tables.
 */
export const openPostgresLog = async (options: PostgresLogOptions): Promise<PostgresLog> => {
  const { postgres, clock, logger } = options;
  const limits = { ...defaults, ...options.limits };
  const { types, head } = await opened(postgres);
  const decoder = recordDecoder(types);
  const intake = appendIntake(types);
  let problem: string | undefined;
  let closed: Promise<void> | undefined;

  const unavailable = (error: UnavailableError) => {
    if (problem === undefined) logger.warn({ err: error }, 'the event log cannot be reached');
    problem = error.message;
  };
  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    if (closed !== undefined) throw new UnavailableError('the log is closed');
    try {
      return await read();
    } catch (error) {
      if (error instanceof UnavailableError) unavailable(error);
      throw error;
    }
  };

  const following = logFollowing({
    postgres,
    decoder,
    clock,
    logger,
    limits,
    head: head.position,
    reading,
    onLooked: ({ readOnly }) => {
      if (readOnly === 'off' && problem !== undefined) logger.info('the event log is reached again');
      problem = readOnly === 'on' ? 'PostgreSQL only reads: it takes no appends' : undefined;
    },
    onFailure: (error) => {
      logger.error({ err: error }, error.message);
      options.onFailure?.(error);
    },
  });
  const streams = streamReads(postgres, decoder, { clock, limits });
  const writer = logWriter({
    call: appendCalls(postgres, intake.typeOf),
    intake,
    clock,
    limits,
    onStored: (append, answer) => following.own(() => recordsOf(append, answer, intake.typeOf)),
    onAnswered: following.heard,
    onUnavailable: unavailable,
    observeAppendMs: options.observeAppendMs,
  });

  return {
    append: writer.append,
    readStream: (stream, asked) => reading(() => streams.readStream(stream, asked)),
    headOf: (stream) => reading(() => streams.headOf(stream)),
    readAll: following.readAll,
    head: following.look,
    follow: following.follow,
    problems: () => (problem === undefined ? [] : [problem]),
    importRecords: recordImport(postgres, types, reading),
    close: () => {
      closed ??= writer.close().then(following.close).finally(streams.close);
      return closed;
    },
  };
};

const opened = async (postgres: Postgres) => {
  try {
    return { types: await openTypes(postgres), head: await readHead(postgres) };
  } catch (error) {
    if (error instanceof UnavailableError && !isRefusal(error)) throw error;
    const { message } = error as Error;
    throw new StartError(
      'postgres',
      isRefusal(error)
        ? `cannot open the event log: ${message}. Check the name, the password and the database in POSTGRES_URL.`
        : `cannot open the event log in PostgreSQL: ${message}. Check POSTGRES_SCHEMA, and that the tables there are those of this version.`,
    );
  }
};
