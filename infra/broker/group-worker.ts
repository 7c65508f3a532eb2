import type { OrderId } from '@recourse/contracts/ids';
import type { Topic } from '@recourse/contracts/registry';
import type { ConsumerGroup, Message } from '../ports/broker.ts';
import type { DeliveryStore, Place } from './delivery-store.ts';
import { type Entry, inHandList } from './in-hand.ts';
import type { DeliveryJournal } from './journal.ts';
import { type WorkOptions, working } from './working.ts';

/** What a group's worker is made with. */
export type WorkerOptions = WorkOptions & {
  readonly consumer: ConsumerGroup;
  readonly checkpoint: number;
  readonly store: DeliveryStore;
  readonly journal: DeliveryJournal;
  readonly shutdownMsMax: number;
};

/**
 * One consumer group at work: takes messages in the order of the log, hands them to the handler, one of a key at a
 * time and keys in parallel, and knows below which position nothing is in hand any more.
 */
export const groupWorker = (options: WorkerOptions) => {
  const { consumer, checkpoint, store, journal, clock } = options;
  const { group } = consumer;
  const inHand = inHandList();
  const discarded = new Set(
    store.discardedAfter(group, checkpoint).map(({ position, index }) => nameOf(position, index)),
  );
  const taken = { position: 0, index: -1 };

  const placeOf = ({ message, at }: Pick<Entry, 'message' | 'at'>): Place => ({
    group,
    position: message.position,
    index: at,
  });

  const work = working<Place, Entry>({
    ...options,
    group,
    handle: (message) => consumer.handle(message),
    record: journal.record,
    read: (place) => store.find(place)?.message,
    isSame: (one, other) => one.position === other.position && one.index === other.index,
    inHand,
    placeOf,
  });
  const { parked } = work;

  /** Takes one message, or says that there is no room for it. What was taken, parked or discarded before is passed over. */
  const take = (message: Message, index: number): boolean => {
    const { position } = message;
    if (isUpTo(taken, position, index)) return true;
    if (work.isFull()) return false;
    taken.position = position;
    taken.index = index;
    if (discarded.size > 0 && discarded.delete(nameOf(position, index))) return true;
    const first = parked.of(message.key);
    if (first === undefined) work.begin(inHand.add(message, index));
    // What was read again from the log may have been parked, or handled, before.
    else if (!isUpTo(first.rows.at(-1)!.place, position, index))
      parked.follow(first, message, placeOf({ message, at: index }));
    return true;
  };

  parked.load(
    store.parkedOf(group).map(({ key, position, index, messageId, state, attempts, error, retryAt }) => ({
      key,
      place: { group, position, index },
      messageId,
      standing: { state, attempts, error, retryAt },
    })),
  );

  return {
    group,
    topics: new Set<Topic>(consumer.topics),
    take,
    counts: parked.count,
    /** The lowest position that has a message in hand, if any. */
    lowestInHand: (): number | undefined => inHand.lowest()?.message.position,
    hasRoom: work.hasRoom,
    hasLeft: work.hasLeft,
    problem: work.problem,
    beforeCheckpoint: async (): Promise<void> => consumer.beforeCheckpoint?.(),
    redrive: (key: OrderId, place: Place): boolean => parked.redrive(key, place, journal.recordNow),
    discard: (key: OrderId, place: Place, note: string, by: string): boolean =>
      parked.discard(key, place, () => {
        journal.recordNow({ change: 'discard', place, note, by, at: clock.now() });
        // It may be read again, and is not parked any more then.
        const { position, index } = place;
        if (!isUpTo(taken, position, index)) discarded.add(nameOf(position, index));
      }),
    /** Begins nothing more; the group is left. What runs goes on. */
    stop: work.stop,
    /** Waits, `shutdownMsMax` at most, for the handlers that run. */
    idle: (): Promise<void> => work.idle(options.shutdownMsMax),
  };
};

/** Names a message within the log. */
const nameOf = (position: number, index: number): string => `${position}:${index}`;

/** Whether a message stands at a place, or before it. */
const isUpTo = (last: Pick<Place, 'position' | 'index'>, position: number, index: number): boolean =>
  position < last.position || (position === last.position && index <= last.index);

/** A consumer group at work. */
export type GroupWorker = ReturnType<typeof groupWorker>;
