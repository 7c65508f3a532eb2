import type { Logger } from 'pino';
import { DamagedError, LostRecordsError, UnknownVersionError } from '../../errors.ts';
import { followers } from '../../log/followers.ts';
import type { Clock } from '../../ports/clock.ts';
import type { EventLog, RecordedEvent, Subscription } from '../../ports/event-log.ts';
import type { Postgres } from '../connect.ts';
import { damage, type RecordDecoder, type RowOfStream, type Sized } from './records.ts';
import { logTail, type TailLimits } from './tail.ts';

/** How often it looks by itself where the log ends, and whether it can be written. */
const lookEveryMs = 1_000;

const afterText = 'select * from log_after($1, $2)';
const headText = `select "position", current_setting('transaction_read_only') as "readOnly" from log_head`;

/** Where the log ends. */
export type Head = { readonly position: number; readonly readOnly: 'on' | 'off' };

/** Reads where the log ends. */
export const readHead = async (postgres: Postgres): Promise<Head> => {
  const [head] = await postgres.query<Head>(headText);
  if (head === undefined) throw damage('where it ends is missing');
  return head;
};

/** What following works with. */
export type FollowingParts = {
  readonly postgres: Postgres;
  readonly decoder: RecordDecoder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: TailLimits;
  /** Where the log ended when it was opened. */
  readonly head: number;
  /** Runs a read, and notes where PostgreSQL cannot be reached. */
  readonly reading: <T>(read: () => Promise<T>) => Promise<T>;
  /** Told of each look where the log ends. */
  readonly onLooked: (head: Head) => void;
  /** Called with what cannot be read, and when the log has lost its end. */
  readonly onFailure: (error: Error) => void;
};

/**
 * The end of the log as this process knows it, and those who follow it: notices of PostgreSQL say that it has moved, and
 * what this process appends. As a notice can be lost, it looks by itself, too.
 */
export const logFollowing = (parts: FollowingParts) => {
  const { postgres, decoder, clock, logger, reading } = parts;
  let head = parts.head;
  let followed = 0;
  let listening: Subscription | undefined;
  let closed = false;

  const report = (error: Error) => {
    if (error instanceof DamagedError || error instanceof UnknownVersionError) parts.onFailure(error);
    else logger.warn({ err: error }, error.message);
  };
  const heard = (position: number) => {
    if (position <= head) return;
    head = position;
    crowd.poke();
  };

  /** Records after a position: those before the first that cannot be read, where there are any. */
  const readAfter = async (after: number, max: number): Promise<readonly Sized[]> => {
    const headBefore = head;
    const rows = await reading(() => postgres.query<RowOfStream>(afterText, [after, max]));
    await decoder.prepare(rows);
    const records: Sized[] = [];
    try {
      const expected = Math.max(rows.length, Math.min(max, headBefore - after));
      for (let position = after + 1; position <= after + expected; position += 1) {
        const row = rows[records.length];
        if (row?.position !== position) throw damage(`the record at position ${position} is missing`);
        records.push(decoder.decodeOfStream(row));
      }
    } catch (error) {
      if (records.length === 0) throw error;
    }
    return records;
  };
  const tail = logTail(readAfter, clock, parts.limits);
  const crowd = followers({
    clock,
    head: () => head,
    recent: tail.recent,
    stored: (after, max) => tail.after(after, max, head),
    onUnreadable: report,
    onGoesOn: (position) =>
      logger.info({ position }, `a follower of the log goes on after position ${position}`),
  });

  /** A log that has lost its end must not go on as if that had never been: places behind it are in many hands. */
  const look = async (): Promise<number> => {
    const headBefore = head;
    const found = await reading(() => readHead(postgres));
    if (found.position < headBefore)
      parts.onFailure(
        new LostRecordsError(
          `PostgreSQL is in a state of before: records after position ${found.position} are missing, up to ${headBefore}; start again, and publish to new topics`,
        ),
      );
    parts.onLooked(found);
    heard(found.position);
    return found.position;
  };
  let cancelLook = () => {};
  const lookAgain = () => {
    if (closed) return;
    cancelLook = clock.after(lookEveryMs, () => look().then(lookAgain, lookAgain));
  };
  lookAgain();

  const listen = () => {
    listening ??= postgres.listen(`${postgres.schema}.log`, (payload) => {
      if (payload === undefined) look().catch(() => {});
      else heard(Number(payload));
    });
  };

  const follow: EventLog['follow'] = (after, batchMax, onRecords) => {
    if (closed) return { close: async () => {} };
    followed += 1;
    listen();
    const subscription = crowd.follow(after, batchMax, onRecords);
    let ended = false;
    const close = () => {
      if (!ended) followed -= 1;
      ended = true;
      return subscription.close();
    };
    return { close };
  };

  return {
    follow,
    look,
    readAll: async (after: number, max: number): Promise<readonly RecordedEvent[]> =>
      (await readAfter(after, max)).map(({ record }) => record),
    /** Takes records that this process has appended, one after the other; `heard` tells followers of them. */
    own: (records: () => readonly Sized[]): void => {
      if (followed > 0) tail.own(records());
    },
    /** The log ends there, or later. */
    heard,
    close: async (): Promise<void> => {
      closed = true;
      cancelLook();
      await Promise.all([crowd.close(), listening?.close()]);
    },
  };
};
