import { hash } from 'node:crypto';
import type { OrderId } from '@recourse/contracts/ids';
import { PermanentError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';
import type { Clock } from '../ports/clock.ts';
import type { Outcome } from './attempts.ts';
import type { Change, Standing } from './changes.ts';

/** One message that is parked; its body is kept only until it is durable. */
type Parked<P> = {
  readonly place: P;
  /** What a repeat of it is known by. */
  readonly sameAs: string;
  standing: Standing;
  message: Message | undefined;
};

/** A key whose first message could not be handled: it and those behind it, in order. */
export type ParkedKey<P> = {
  readonly key: OrderId;
  readonly rows: Parked<P>[];
  cancelRetry: () => void;
};

/** A parked message as it is taken up again, without its body. */
export type ParkedRow<P> = {
  readonly key: OrderId;
  readonly place: P;
  readonly messageId: string;
  readonly standing: Standing;
};

/** How many parked messages of one group are tried at once. */
const retriesAtOnceMax = 64;

/** When a parked message is tried again that could not be read. */
const unreadableRetryMs = 1_000;

type Parking<P> = {
  readonly group: string;
  /** Keeps a change for the next write. */
  readonly record: (change: Change<P>) => void;
  /** The body of a parked message, from where it is kept. */
  readonly read: (place: P) => Message | undefined | Promise<Message | undefined>;
  readonly isSame: (one: P, other: P) => boolean;
  readonly clock: Clock;
  readonly retryDelaysMs: readonly number[];
  readonly quickRetries: number;
  readonly leaving: AbortSignal;
  readonly attempt: (message: Message, attempts: number) => Promise<Outcome>;
  /** A parked message became durable, or is gone: there may be room again. */
  readonly onRoom: () => void;
  readonly onParked: (message: Message, standing: Standing, error: unknown) => void;
};

const behind: Standing = { state: 'behind', attempts: 0, error: null, retryAt: null };

/** What a repeat of a message is known by: an answer of somebody else's program may bear the id of another answer. */
const sameAs = ({ kind, id, data }: Message): string =>
  kind === 'reply' ? `${id} ${hash('sha256', JSON.stringify(data), 'base64')}` : id;

const describe = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 2_000);

/** The waiting table and the dead letters of one group; `P` says where a message stands. */
export const parkedKeys = <P>(parking: Parking<P>) => {
  const { group, record, read, isSame, clock, retryDelaysMs, quickRetries, leaving, attempt } = parking;
  const keys = new Map<OrderId, ParkedKey<P>>();
  const due: ParkedKey<P>[] = [];
  const count = { waiting: 0, dead: 0, unwritten: 0 };
  let retrying = 0;

  const counted = (standing: Standing, by: 1 | -1) => {
    if (standing.state === 'dead') count.dead += by;
    else count.waiting += by;
  };

  const setStanding = (row: Parked<P>, standing: Standing) => {
    counted(row.standing, -1);
    row.standing = standing;
    counted(standing, 1);
  };

  const failedStanding = (attempts: number, error: unknown): Standing => {
    const delayMs = retryDelaysMs[Math.max(0, attempts - quickRetries - 1)];
    return delayMs === undefined || error instanceof PermanentError
      ? { state: 'dead', attempts, error: describe(error), retryAt: null }
      : { state: 'waiting', attempts, error: describe(error), retryAt: Math.ceil(clock.now() + delayMs) };
  };

  const addRow = (parked: ParkedKey<P>, place: P, message: Message, standing: Standing) => {
    const row: Parked<P> = { place, sameAs: sameAs(message), standing, message };
    parked.rows.push(row);
    counted(standing, 1);
    count.unwritten += 1;
    record({
      change: 'park',
      place,
      message,
      standing,
      parkedAt: clock.now(),
      onWritten: () => {
        row.message = undefined;
        count.unwritten -= 1;
        parking.onRoom();
      },
    });
  };

  const becomeDue = (parked: ParkedKey<P>) => {
    parked.cancelRetry = () => {};
    due.push(parked);
    pump();
  };

  /** The first message of a key waits: for its next try, or as a dead letter for a person. */
  const wait = (parked: ParkedKey<P>) => {
    const { state, retryAt } = parked.rows[0]!.standing;
    if (state === 'dead') return;
    // The clock of the wall may have jumped since retryAt was set: never wait longer than the longest delay.
    const delayMs = Math.min(Math.max(0, (retryAt ?? 0) - clock.now()), Math.max(0, ...retryDelaysMs));
    parked.cancelRetry = clock.after(delayMs, () => becomeDue(parked));
  };

  const pump = () => {
    while (retrying < retriesAtOnceMax && due.length > 0 && !leaving.aborted) {
      const parked = due.shift()!;
      retrying += 1;
      void drain(parked)
        .catch(() => {
          // The store could not be read: its message waits where it is.
          parked.cancelRetry = clock.after(unreadableRetryMs, () => becomeDue(parked));
        })
        .finally(() => {
          retrying -= 1;
          pump();
        });
    }
  };

  const bodyOf = async (row: Parked<P>): Promise<Message> => {
    const message = row.message ?? (await read(row.place));
    if (message === undefined) throw new Error(`${group}: a parked message is not where it was kept`);
    return message;
  };

  /** Handles the parked messages of a key in order, until one fails or none is left. */
  const drain = async (parked: ParkedKey<P>): Promise<void> => {
    for (;;) {
      const row = parked.rows[0]!;
      const message = await bodyOf(row);
      const result = await attempt(message, row.standing.attempts);
      if (result.outcome === 'left') return;
      if (result.outcome === 'failed') {
        const standing = failedStanding(result.attempts, result.error);
        setStanding(row, standing);
        record({ change: 'stand', place: row.place, standing });
        parking.onParked(message, standing, result.error);
        return wait(parked);
      }
      record({ change: 'remove', place: row.place });
      if (dropFirst(parked)) return;
    }
  };

  /** Takes the first row away; true where it was the last, and the key flows again. */
  const dropFirst = (parked: ParkedKey<P>): boolean => {
    counted(parked.rows.shift()!.standing, -1);
    const free = parked.rows.length === 0;
    if (free) keys.delete(parked.key);
    parking.onRoom();
    return free;
  };

  const deadAt = (key: OrderId, place: P): ParkedKey<P> | undefined => {
    const parked = keys.get(key);
    const first = parked?.rows[0];
    const found = first !== undefined && isSame(first.place, place);
    return found && first.standing.state === 'dead' ? parked : undefined;
  };

  return {
    count,
    of: (key: OrderId): ParkedKey<P> | undefined => keys.get(key),
    /** Parks the message that failed: the first of its key. */
    begin: (message: Message, place: P, attempts: number, error: unknown): ParkedKey<P> => {
      const parked: ParkedKey<P> = { key: message.key, rows: [], cancelRetry: () => {} };
      keys.set(message.key, parked);
      const standing = failedStanding(attempts, error);
      addRow(parked, place, message, standing);
      parking.onParked(message, standing, error);
      wait(parked);
      return parked;
    },
    /**
     * Parks a message behind the first of its key. A repeat of one that waits there already (the same id: a command
     * that was asked again; an answer with the same data) says nothing new and is let go, so that a key that waits for
     * days does not pile up. An answer that was taken up from the store, without its data, may wait once more.
     */
    follow: (parked: ParkedKey<P>, message: Message, place: P): void => {
      const name = sameAs(message);
      if (parked.rows.some((row) => row.sameAs === name)) return;
      addRow(parked, place, message, behind);
    },
    /** Takes up what was parked before: to be called before the group's first message. */
    load: (rows: Iterable<ParkedRow<P>>): void => {
      for (const { key, place, messageId, standing } of rows) {
        const parked = keys.get(key) ?? { key, rows: [], cancelRetry: () => {} };
        keys.set(key, parked);
        parked.rows.push({ place, sameAs: messageId, standing, message: undefined });
        counted(standing, 1);
      }
      for (const parked of keys.values()) wait(parked);
    },
    /** Tries a dead letter again now; false where it is none. `keep` makes that durable first; throws as that does. */
    redrive: (key: OrderId, place: P, keep: (change: Change<P>) => void): boolean => {
      const parked = deadAt(key, place);
      if (parked === undefined) return false;
      const standing: Standing = {
        ...parked.rows[0]!.standing,
        state: 'waiting',
        attempts: 0,
        retryAt: clock.now(),
      };
      keep({ change: 'stand', place, standing });
      setStanding(parked.rows[0]!, standing);
      becomeDue(parked);
      return true;
    },
    /** Drops a dead letter; false where it is none. `keep` makes that durable first; throws as that does. */
    discard: (key: OrderId, place: P, keep: () => void): boolean => {
      const parked = deadAt(key, place);
      if (parked === undefined) return false;
      keep();
      if (!dropFirst(parked)) becomeDue(parked);
      return true;
    },
    /** No retry begins after this. */
    end: (): void => {
      for (const parked of keys.values()) parked.cancelRetry();
    },
  };
};
