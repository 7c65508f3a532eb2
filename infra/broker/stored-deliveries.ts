import { ReadOnlyError } from '../errors.ts';
import type { Broker } from '../ports/broker.ts';
import type { EventLog } from '../ports/event-log.ts';
import { deadLettersOf } from './dead-letters.ts';
import { openDeliveryStore } from './delivery-store.ts';
import { deliveryJournal } from './journal.ts';

/** What a broker that is not running has left: dead letters, and how far its groups have come. Nothing is delivered. */
export type StoredDeliveries = Pick<Broker, 'deadLetters' | 'lag' | 'close'>;

const readOnly = async () => {
  throw new ReadOnlyError('A dead letter is redriven or discarded while the server runs.');
};

/**
 * Opens `delivery.db` for reading beside nobody: it is not changed, and one that is not there reads as empty. Throws
 * `StartError` where it cannot be read.
 */
export const openStoredDeliveries = (path: string, log: Pick<EventLog, 'head'>): StoredDeliveries => {
  const store = openDeliveryStore(path, { readOnly: true });
  const letters = deadLettersOf(store, deliveryJournal(store), { get: () => undefined, all: () => [] });
  return {
    deadLetters: { ...letters, redrive: readOnly, discard: readOnly },
    lag: async () => {
      const head = await log.head();
      return Object.fromEntries(
        [...store.checkpoints()].map(([group, position]) => [group, Math.max(0, head - position)]),
      );
    },
    close: async () => store.close(),
  };
};
