import type { Logger } from 'pino';
import { StartError, UnavailableError } from '../../errors.ts';
import { followers } from '../../log/followers.ts';
import { appendIntake } from '../../log/intake.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventLog, RecordedEvent, Subscription } from '../../ports/event-log.ts';
import type { Postgres } from '../connect.ts';
import { isRefusal } from '../errors.ts';
import { type AppendAnswer, type AppendCall, appendCalls } from './calls.ts';
import { type ReadLimits, streamReads } from './reads.ts';
import { damage, type RowOfStream, recordDecoder, type Sized } from './records.ts';
import { logTail, type TailLimits } from './tail.ts';
import { openTypes } from './types.ts';
import { logWriter, type WriterLimits } from './writer.ts';

/** What a log may hold and send. */
export type PostgresLogLimits = WriterLimits & ReadLimits & TailLimits;

/** How a log is opened. */
export type PostgresLogOptions = {
  /** Its tables are there (see `migratePostgres`). Stays open when the log closes. */
  readonly postgres: Postgres;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<PostgresLogLimits>;
  /** How long each call took that stored appends, from when it was sent until it was synced, in milliseconds. */
  readonly observeAppendMs?: (ms: number) => void;
  /** Called when a follower meets a record that cannot be read, and when the log has lost its end. */
  readonly onFailure?: (error: Error) => void;
};

/** What the log in PostgreSQL gives besides the port. */
export type PostgresLog = EventLog & {
  /** Why it cannot be read or written now; none while it can. */
  problems(): readonly string[];
};

const defaults: PostgresLogLimits = {
  intakeEventsMax: 20_000,
  intakeBytesMax: 64 * 1024 * 1024,
  callEventsMax: 2_000,
  callBytesMax: 4 * 1024 * 1024,
  callsInFlightMax: 1,
  readStreamsMax: 256,
  readsInFlightMax: 2,
  recentMax: 8_192,
  recentBytesMax: 16 * 1024 * 1024,
  tailReadMax: 1_000,
};

/** How often it looks by itself where the log ends, and whether it can be written. */
const lookEveryMs = 1_000;

const headText = `select "position", current_setting('transaction_read_only') as "readOnly" from log_head`;
const afterText = 'select * from log_after($1, $2)';

type Head = { readonly position: number; readonly readOnly: 'on' | 'off' };

/**
 * The event log in PostgreSQL, which any number of processes write and follow. Rejects with `UnavailableError` where
 * PostgreSQL cannot be reached, with a `StartError` where it refuses us or has no such tables.
 */
export const openPostgresLog = async (options: PostgresLogOptions): Promise<PostgresLog> => {
  const { postgres, clock, logger, onFailure } = options;
  const limits = { ...defaults, ...options.limits };
  const { types, decoder, first } = await opened(postgres);
  let head = first.position;
  let problem: string | undefined;
  let following = 0;
  let listening: Subscription | undefined;
  let closed: Promise<void> | undefined;

  const unavailable = (error: UnavailableError) => {
    if (problem !== error.message) logger.warn({ err: error }, 'the event log is unavailable');
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
  const report = (error: Error) => {
    if (error instanceof UnavailableError) return;
    logger.error({ err: error }, error.message);
    onFailure?.(error);
  };

  const readAfter = async (after: number, max: number): Promise<readonly Sized[]> => {
    const headBefore = head;
    const rows = await reading(() => postgres.query<RowOfStream>(afterText, [after, max]));
    await decoder.prepare(rows);
    const records = rows.map((row, index) => {
      if (row.position !== after + 1 + index)
        throw damage(`the record at position ${after + 1 + index} is missing`);
      return decoder.decodeOfStream(row);
    });
    if (records.length < Math.min(max, headBefore - after))
      throw damage(`the record at position ${after + 1 + records.length} is missing`);
    return records;
  };
  const tail = logTail(readAfter, limits);
  const crowd = followers({
    clock,
    head: () => head,
    recent: tail.recent,
    stored: (after, max) => tail.after(after, max, head),
    onUnreadable: report,
    onGoesOn: (position) =>
      logger.info({ position }, `a follower of the log goes on after position ${position}`),
  });
  const heard = (position: number) => {
    if (position <= head) return;
    head = position;
    crowd.poke();
  };

  const intake = appendIntake(types);
  const keepOwn = (append: AppendCall, answer: AppendAnswer) => {
    ownHead = answer.position;
    if (following > 0) tail.own(recordsOf(append, answer));
  };
  let ownHead = 0;
  const recordsOf = ({ stream, expected, events, texts }: AppendCall, answer: AppendAnswer): Sized[] =>
    events.map((event, index) => {
      const revision = expected + 1 + index;
      const { id, type, correlation, causation, data } = event;
      const position = answer.position - events.length + 1 + index;
      const { version } = intake.typeOf(type);
      const record = {
        position,
        stream,
        revision,
        id,
        type,
        version,
        time: answer.time,
        correlation,
        causation,
        data,
      };
      return { record: record as RecordedEvent, size: texts[index]!.length };
    });
  const writer = logWriter({
    call: appendCalls(postgres, intake.typeOf),
    intake,
    clock,
    limits,
    onStored: keepOwn,
    onAnswered: () => heard(ownHead),
    onUnavailable: unavailable,
    observeAppendMs: options.observeAppendMs,
  });
  const streams = streamReads(postgres, decoder, limits);

  /** Reads where the log ends; a log that has lost its end must not go on as if that had never been. */
  const look = async () => {
    const headBefore = head;
    const found = await reading(() => headOf(postgres));
    problem = found.readOnly === 'on' ? 'PostgreSQL takes no writes: it is read-only' : undefined;
    if (found.position < headBefore)
      report(damage(`records after position ${found.position} are missing, up to ${headBefore}`));
    heard(found.position);
    return found.position;
  };
  let cancelLook = () => {};
  const keepLooking = () => {
    cancelLook = clock.after(lookEveryMs, () => {
      look()
        .catch((error) => logger.debug({ err: error }, 'cannot look where the log ends'))
        .finally(() => closed === undefined && keepLooking());
    });
  };
  keepLooking();

  const listen = () => {
    listening ??= postgres.listen(`${postgres.schema}.log`, (payload) => {
      if (payload === undefined) look().catch(() => {});
      else heard(Number(payload));
    });
  };

  return {
    append: writer.append,
    readStream: (stream, asked) => reading(() => streams.readStream(stream, asked)),
    headOf: (stream) => reading(() => streams.headOf(stream)),
    readAll: async (after, max) => {
      const kept = tail.recent(after, max);
      if (kept?.length === max) return kept;
      return (await readAfter(after, max)).map(({ record }) => record);
    },
    head: look,
    follow: (after, batchMax, onRecords) => {
      if (closed !== undefined) return { close: async () => {} };
      following += 1;
      listen();
      const subscription = crowd.follow(after, batchMax, onRecords);
      let ended = false;
      return {
        close: () => {
          if (!ended) following -= 1;
          ended = true;
          return subscription.close();
        },
      };
    },
    problems: () => (problem === undefined ? [] : [problem]),
    close: () => {
      closed ??= (async () => {
        cancelLook();
        await writer.close();
        await Promise.all([crowd.close(), listening?.close()]);
      })();
      return closed;
    },
  };
};

const headOf = async (postgres: Postgres): Promise<Head> => {
  const [head] = await postgres.query<Head>(headText);
  if (head === undefined) throw damage('where it ends is missing');
  return head;
};

const opened = async (postgres: Postgres) => {
  try {
    const types = await openTypes(postgres);
    return { types, decoder: recordDecoder(types), first: await headOf(postgres) };
  } catch (error) {
    if (error instanceof UnavailableError || error instanceof StartError) throw error;
    const { message } = error as Error;
    throw new StartError(
      'postgres',
      isRefusal(error)
        ? `cannot open the event log: PostgreSQL refuses us: ${message}. Check the name, the password and the database in POSTGRES_URL.`
        : `cannot open the event log in PostgreSQL: ${message}. Check POSTGRES_SCHEMA, and that the tables there are those of this version.`,
    );
  }
};
