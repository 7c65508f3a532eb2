import type { DeadLetters } from '../ports/broker.ts';
import { type DeliveryStore, type Place, placeOf } from './delivery-store.ts';
import type { GroupWorker } from './group-worker.ts';
import type { DeliveryJournal } from './journal.ts';

/** The most that one list holds. */
const listMax = 1_000;

/** Dead letters of all groups. Those of a group that nobody consumes can be seen, and decided once it is joined. */
export const deadLettersOf = (
  store: DeliveryStore,
  journal: DeliveryJournal,
  workers: { get(group: string): GroupWorker | undefined; all(): Iterable<GroupWorker> },
): DeadLetters => {
  const decide = async (
    id: string,
    decision: (
      worker: GroupWorker,
      place: Place,
      found: NonNullable<ReturnType<DeliveryStore['find']>>,
    ) => boolean,
  ): Promise<boolean> => {
    const place = placeOf(id);
    if (place === undefined) return false;
    journal.settle();
    const found = store.find(place);
    const worker = workers.get(place.group);
    return found?.state === 'dead' && worker !== undefined && decision(worker, place, found);
  };

  return {
    list: async ({ after, max, key }) => {
      journal.settle();
      const from = after === undefined ? undefined : placeOf(after);
      if (after !== undefined && from === undefined) return [];
      return store.listDead(from, Math.min(max, listMax), key);
    },
    get: async (id) => {
      const place = placeOf(id);
      if (place === undefined) return undefined;
      journal.settle();
      const found = store.find(place);
      return found?.state === 'dead' ? found : undefined;
    },
    redrive: (id) => decide(id, (worker, place, { key }) => worker.redrive(key, place)),
    discard: (id, note, by) => decide(id, (worker, place, { key }) => worker.discard(key, place, note, by)),
    counts: async () => {
      const counts = { waiting: 0, dead: 0 };
      for (const worker of workers.all()) {
        counts.waiting += worker.counts.waiting;
        counts.dead += worker.counts.dead;
      }
      return counts;
    },
  };
};
