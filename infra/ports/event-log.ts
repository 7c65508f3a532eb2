import type { DomainEvent, EventData, EventType } from '@recourse/contracts/events';
import type { EventId } from '@recourse/contracts/ids';
import type { StreamName } from '@recourse/contracts/streams';

/** An event on its way into the log. Its id is deterministic (see `eventId`), so that a repeat is recognised. */
export type NewEvent<T extends EventType = EventType> = DomainEvent<T> & {
  readonly id: EventId;
  /** What it belongs to: the order's id, or the receipt's. */
  readonly correlation: string;
  /** The id of the message or request that caused it. */
  readonly causation: string;
  /** Its data as JSON, where its maker has it already. */
  readonly json?: string;
};

/** An event as the log holds it. */
export type RecordedEvent<T extends EventType = EventType> = {
  [K in T]: {
    /** Its place in the whole log: grows with every record, and sorts; gapless (from 1) in the embedded log. */
    readonly position: number;
    readonly stream: StreamName;
    /** Its place in its stream, from 0, gapless. */
    readonly revision: number;
    readonly id: EventId;
    readonly type: K;
    /** The version of its schema: the present one, whichever it was written with (see `upcast`). */
    readonly version: number;
    /** Milliseconds since 1970, stamped by the log; never decreases from one position to the next. */
    readonly time: number;
    readonly correlation: string;
    readonly causation: string;
    readonly data: EventData[K];
  };
}[T];

/** Where an append came to stand: of its last event; its time where the log says it without being asked again. */
export type Appended = { readonly revision: number; readonly position: number; readonly time?: number };

/** `expectedRevision` of a stream that must not exist yet. */
export const noStream = -1;

/** A running follower. `close` resolves when its last `onRecords` has returned; none begins after. */
export type Subscription = { close(): Promise<void> };

/** How a stream is read: from a revision (inclusive; default: the first, or the last when backwards), so many at most. */
export type ReadOptions = {
  readonly from?: number;
  readonly direction?: 'forwards' | 'backwards';
  readonly max?: number;
};

/**
 * Where every event is stored, append-only.
 *
 * What has been resolved has been synced; nobody sees a record before it is synced.
 */
export interface EventLog {
  /**
   * Appends 1 to `appendEventsMax` events to one stream, all or none, right after `expectedRevision` (`noStream`: as
   * its first). Resolves after the sync. A repeat (the stream holds exactly these ids right after this
   * expectedRevision) stores nothing and resolves with the original place.
   *
   * Rejects with `ConflictError` (nothing stored; said only after the transaction it lost to is synced), or with
   * `UnavailableError` (outcome unknown: the events may or may not be there; repeat the same append later).
   */
  append(stream: StreamName, expectedRevision: number, events: readonly NewEvent[]): Promise<Appended>;

  /** Records of one stream in the order asked for; a stream that does not exist reads as empty. */
  readStream(stream: StreamName, options?: ReadOptions): Promise<readonly RecordedEvent[]>;

  /** The revision of a stream's last record, or `noStream`. */
  headOf(stream: StreamName): Promise<number>;

  /**
   * Records of the whole log after a position (0: from the first), in the order of positions. Where one of them cannot be
   * read, it gives those before it, or rejects at once; asked for that one, it rejects with an error that names it.
   */
  readAll(after: number, max: number): Promise<readonly RecordedEvent[]>;

  /** The position of the last synced record, 0 when empty. */
  head(): Promise<number>;

  /**
   * Hands over every record after a position, past and future, in order, in batches of 1 to `batchMax`. The next
   * batch waits for the promise of the last one: who lags is read back from disk and holds nobody up. Recent records
   * come from memory. When `onRecords` throws or rejects, the same batch comes again after a short delay, for ever.
   */
  follow(
    after: number,
    batchMax: number,
    onRecords: (records: readonly RecordedEvent[]) => void | Promise<void>,
  ): Subscription;

  /** Ends what is queued, closes followers and files. Appends after it reject with `UnavailableError`. */
  close(): Promise<void>;
}

/** The most events one append may hold. */
export const appendEventsMax = 2_000;
