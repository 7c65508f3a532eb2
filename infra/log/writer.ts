import type { DatabaseSync } from 'node:sqlite';
import type { StreamName } from '@recourse/contracts/streams';
import { ConflictError, UnavailableError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Appended, NewEvent, RecordedEvent } from '../ports/event-log.ts';
import { appendIntake } from './intake.ts';
import type { RecentRecords } from './recent.ts';
import { type RecordReader, recordWriter } from './records.ts';
import { headIn, type StreamRef, type StreamTable } from './streams.ts';

/** The most events of one transaction, unless one append alone holds more. The rest goes into the next. */
export const transactionEventsMax = 2_000;

/** Places where a test makes the log fail as a disk would. */
export type LogFaults = {
  /** Called in each transaction right before its COMMIT; what it throws, COMMIT throws. */
  readonly beforeCommit?: () => void;
};

/** What a writer works with. */
export type WriterParts = {
  readonly db: DatabaseSync;
  readonly clock: Clock;
  readonly streams: StreamTable;
  readonly reader: RecordReader;
  readonly recent: RecentRecords;
  readonly faults: LogFaults;
  /** The last record of the log when it was opened. */
  readonly last: { readonly position: number; readonly time: number };
  /** Called after each commit that stored records, before its appends resolve. */
  readonly onCommitted: () => void;
  /** Called once, when the log takes no more writes. */
  readonly onFailed: (error: UnavailableError) => void;
  /** How long a transaction took from its begin until it was synced. */
  readonly observeAppendMs: ((ms: number) => void) | undefined;
};

type Pending = {
  readonly stream: StreamName;
  readonly expected: number;
  readonly events: readonly NewEvent[];
  /** The data of each event as JSON. */
  readonly texts: readonly string[];
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: Error) => void;
};

type Outcome = Appended | Error;

/** A record of the transaction at hand, with what memory needs to know once it is synced. */
type Written = { readonly record: RecordedEvent; readonly size: number; readonly before: number };

/**
 * The one writer of the log. All appends of one turn of the event loop share one transaction; each is answered after
 * its commit. When a transaction fails nothing is written any more until the log is opened anew: what a failed sync
 * left on the disk is not known.
 */
export const logWriter = (parts: WriterParts) => {
  const { db, clock, streams, reader, recent, faults } = parts;
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const write = recordWriter(db);
  const intake = appendIntake(reader);
  let queue: Pending[] = [];
  let scheduled = false;
  let head = parts.last.position;
  let time = parts.last.time;
  let refusal: UnavailableError | undefined;

  /** Takes the appends of the next transaction from the queue. */
  const take = (): Pending[] => {
    let events = 0;
    let count = 0;
    while (count < queue.length) {
      events += queue[count]!.events.length;
      if (count > 0 && events > transactionEventsMax) break;
      count += 1;
    }
    const taken = count === queue.length ? queue : queue.slice(0, count);
    queue = count === queue.length ? [] : queue.slice(count);
    return taken;
  };

  /** The place of a repeat, or the conflict. */
  const answerBehind = (pending: Pending, ref: StreamRef, head: number): Outcome => {
    const { stream, expected, events } = pending;
    const last = expected + events.length;
    const conflict = () => new ConflictError(stream, expected, head);
    if (expected > head || last > head) return conflict();
    const stored = reader.places(ref, expected + 1, last);
    if (stored.length !== events.length || stored.some(({ id }, index) => id !== events[index]!.id))
      return conflict();
    const { position, time } = stored.at(-1)!;
    return { revision: last, position, time };
  };

  const store = (pending: Pending, position: number, now: number, written: Written[]): Outcome => {
    const { stream, expected, events, texts } = pending;
    const ref = streams.findOrMake(stream);
    if (ref === undefined) return new RangeError(`${stream}: the log holds no more categories`);
    const found = headIn(ref);
    if (found !== expected) return answerBehind(pending, ref, found);
    let before = ref.owner.lastPositions[ref.category] ?? 0;
    let at = position;
    for (const [index, event] of events.entries()) {
      const { id: typeId, version } = intake.typeOf(event.type);
      at += 1;
      const record = {
        position: at,
        stream,
        revision: expected + 1 + index,
        id: event.id,
        type: event.type,
        version,
        time: now,
        correlation: event.correlation,
        causation: event.causation,
        data: event.data,
      } as RecordedEvent;
      write(ref, record, typeId, texts[index]!, before);
      written.push({ record, size: texts[index]!.length, before });
      before = at;
    }
    streams.advance(ref, expected + events.length, at);
    return { revision: expected + events.length, position: at, time: now };
  };

  /** Undoes the transaction at hand; a file that cannot do even that is not read any more either. */
  const rollBack = () => {
    try {
      if (db.isTransaction) db.exec('ROLLBACK');
      streams.forget();
    } catch {
      db.close();
    }
  };

  const fail = (taken: readonly Pending[], cause: unknown) => {
    const message = `the log takes no more writes until it is opened anew: ${(cause as Error).message}`;
    refusal = new UnavailableError(message, { cause });
    rollBack();
    const refused = [...taken, ...queue];
    queue = [];
    for (const { reject } of refused) reject(refusal);
    parts.onFailed(refusal);
  };

  const transact = () => {
    const taken = take();
    const startedAt = clock.monotonic();
    const now = Math.max(clock.now(), time);
    const written: Written[] = [];
    let outcomes: Outcome[];
    try {
      begin.run();
      outcomes = taken.map((pending) => store(pending, head + written.length, now, written));
      streams.store();
      faults.beforeCommit?.();
      commit.run();
    } catch (error) {
      fail(taken, error);
      return;
    }
    parts.observeAppendMs?.(clock.monotonic() - startedAt);
    for (const { record, size, before } of written) recent.push(record, size, before);
    if (written.length > 0) {
      head += written.length;
      time = now;
    }
    taken.forEach(({ resolve, reject }, index) => {
      const outcome = outcomes[index]!;
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    });
    if (written.length > 0) parts.onCommitted();
  };

  const turn = () => {
    scheduled = false;
    if (queue.length > 0) transact();
    schedule();
  };

  const schedule = () => {
    if (scheduled || queue.length === 0) return;
    scheduled = true;
    setImmediate(turn);
  };

  return {
    append: (stream: StreamName, expected: number, events: readonly NewEvent[]): Promise<Appended> =>
      new Promise((resolve, reject) => {
        if (refusal !== undefined) throw refusal;
        const texts = intake.check(stream, expected, events);
        queue.push({ stream, expected, events, texts, resolve, reject });
        schedule();
      }),
    /** The position of the last synced record. */
    head: (): number => head,
    /** Why nothing is written any more. */
    refusal: (): UnavailableError | undefined => refusal,
    /** Writes what is queued; refuses whatever comes later. */
    close: (): void => {
      while (queue.length > 0) transact();
      refusal ??= new UnavailableError('the log is closed');
    },
  };
};
