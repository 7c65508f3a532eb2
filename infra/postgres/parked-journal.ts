import type { Change } from '../broker/changes.ts';
import { type Spot, type Written, writtenOf } from './delivery-changes.ts';

/** How many changes go in one transaction. */
const writeMax = 200;

/**
 * Changes of the waiting table on their way to PostgreSQL, in order. An offset is only committed after `flush` of what
 * was recorded before it was computed, so it never passes a message that is neither handled nor safely parked.
 */
export const parkedJournal = (write: (changes: Written) => Promise<void>) => {
  let pending: Change<Spot>[] = [];
  let closed = false;

  return {
    /** Keeps a change for the next flush. */
    record: (change: Change<Spot>): void => {
      if (!closed) pending.push(change);
    },
    isEmpty: (): boolean => pending.length === 0,
    /** Makes durable what was recorded before; rejects as `write` does, and keeps the rest. One at a time. */
    flush: async (): Promise<void> => {
      for (let left = pending.length; left > 0 && !closed; ) {
        const changes = pending.slice(0, Math.min(left, writeMax));
        await write(writtenOf(changes));
        if (closed) return;
        pending = pending.slice(changes.length);
        left -= changes.length;
        for (const change of changes) if (change.change === 'park') change.onWritten();
      }
    },
    /** Forgets what is not written, and what comes: it is another's now. */
    close: (): void => {
      closed = true;
      pending = [];
    },
  };
};
