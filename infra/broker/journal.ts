import { UnavailableError } from '../errors.ts';
import type { Change } from './changes.ts';
import type { DeliveryStore, Place } from './delivery-store.ts';

/**
 * Changes of the parked table on their way to the disk, in order. A checkpoint is only ever written together with
 * every change recorded before it, so it never passes a message that is neither handled nor safely parked.
 */
export const deliveryJournal = (store: DeliveryStore) => {
  let pending: Change<Place>[] = [];

  const write = (checkpoints: readonly (readonly [string, number])[], last?: Change<Place>): void => {
    const changes = last === undefined ? pending : [...pending, last];
    if (changes.length === 0 && checkpoints.length === 0) return;
    store.write(changes, checkpoints);
    pending = [];
    for (const change of changes) if (change.change === 'park') change.onWritten();
  };

  return {
    /** Keeps a change for the next write. */
    record: (change: Change<Place>): void => {
      pending.push(change);
    },
    /** Makes all that was recorded durable, with checkpoints. Throws, and keeps what it has, where the disk does not. */
    write,
    /** Makes one change durable now, with all before it; throws `UnavailableError`, and forgets it, where it cannot. */
    recordNow: (change: Change<Place>): void => {
      try {
        write([], change);
      } catch (error) {
        throw new UnavailableError('the store of parked messages cannot be written', { cause: error });
      }
    },
    /** Makes what was recorded durable, so that the store shows it. Throws `UnavailableError`. */
    settle: (): void => {
      try {
        write([]);
      } catch (error) {
        throw new UnavailableError('the store of parked messages cannot be written', { cause: error });
      }
    },
  };
};

/** The broker's journal. */
export type DeliveryJournal = ReturnType<typeof deliveryJournal>;
