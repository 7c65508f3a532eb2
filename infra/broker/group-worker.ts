import type { OrderId } from '@recourse/contracts/ids';
import type { Topic } from '@recourse/contracts/registry';
import type { Logger } from 'pino';
import { UnavailableError, type UnknownVersionError } from '../errors.ts';
import type { ConsumerGroup, Message } from '../ports/broker.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import { attempting } from './attempts.ts';
import type { DeliveryStore, Place } from './delivery-store.ts';
import { openGate } from './gate.ts';
import { type Entry, inHandList } from './in-hand.ts';
import type { DeliveryJournal } from './journal.ts';
import { keyedLanes } from './lanes.ts';
import { type ParkedKey, parkedKeys } from './parked-keys.ts';

/** What happened to a message in a group, for counters. */
export type Handling = 'handled' | 'failed' | 'waiting' | 'dead' | 'unavailable' | 'poison';

/** What a group's worker is made with; limits are the broker's. */
export type WorkerOptions = {
  readonly consumer: ConsumerGroup;
  readonly checkpoint: number;
  readonly store: DeliveryStore;
  readonly journal: DeliveryJournal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quickRetries: number;
  readonly retryDelaysMs: readonly number[];
  readonly inHandMax: number;
  readonly parkedMax: number;
  readonly shutdownMsMax: number;
  readonly observe: (group: string, handling: Handling) => void;
  readonly onFatal: (error: UnknownVersionError) => void;
  /** There may be something new to write: called for each message, must be cheap. */
  readonly onProgress: () => void;
  /** Asks for parked messages to be made durable soon: they hold up the group. */
  readonly hurry: () => void;
};

/**
 * One consumer group at work: takes messages in the order of the log, hands them to the handler, one of a key at a
 * time and keys in parallel, and knows below which position nothing is in hand any more.
 */
export const groupWorker = (options: WorkerOptions) => {
  const { consumer, checkpoint, store, journal, clock, logger, inHandMax, parkedMax, observe } = options;
  const { group } = consumer;
  const leaving = new AbortController();
  const inHand = inHandList();
  const discarded = new Set(
    store.discardedAfter(group, checkpoint).map(({ position, index }) => `${position}:${index}`),
  );
  const taken = { position: 0, index: -1 };
  const run = runCount();
  let onRoom: (() => void) | undefined;

  const placeOf = ({ position }: Message, index: number): Place => ({ group, position, index });

  const gate = openGate(clock, () => lanes.resume());
  const handle = (message: Message) => consumer.handle(message);
  const { quickRetries, retryDelaysMs, onFatal } = options;
  const attempt = attempting({ handle, quickRetries, clock, gate, leaving: leaving.signal, onFatal });

  const load = () => inHand.size() + parked.count.unwritten;
  const full = () => load() >= inHandMax || parked.count.waiting + parked.count.dead >= parkedMax;
  const room = () => {
    options.onProgress();
    if (onRoom === undefined || leaving.signal.aborted || load() > inHandMax / 2 || full()) return;
    onRoom();
    onRoom = undefined;
  };

  const parked = parkedKeys<Place>({
    group,
    record: journal.record,
    read: (place) => store.find(place)?.message,
    isSame: (one, other) => one.position === other.position && one.index === other.index,
    clock,
    retryDelaysMs,
    quickRetries,
    leaving: leaving.signal,
    attempt: async (message, attempts) => {
      run.begin();
      const outcome = await attempt(message, attempts);
      if (outcome.outcome === 'handled') observe(group, 'handled');
      run.end();
      return outcome;
    },
    onRoom: () => room(),
    onParked: ({ key, type, id, position }, { state, attempts }, error) => {
      observe(group, state === 'dead' ? 'dead' : 'waiting');
      const told = { orderId: key, group, type, messageId: id, position, attempts, err: error };
      if (state === 'dead') logger.error(told, 'message is a dead letter: its order waits for a person');
      else logger.warn(told, 'message failed: its order waits to be tried again');
    },
  });

  const lanes = keyedLanes<Entry>({
    handle,
    attempt,
    isShut: gate.isShut,
    leaving: leaving.signal,
    onBegin: run.begin,
    onEnd: run.end,
    onHandled: (entry) => {
      observe(group, 'handled');
      inHand.remove(entry);
      room();
    },
    onFailedOnce: (error) => {
      if (!(error instanceof UnavailableError)) return observe(group, 'failed');
      observe(group, 'unavailable');
      if (!gate.isShut()) logger.warn({ group, err: error }, 'group stops at its place until it can go on');
    },
    onFailed: (entry, attempts, error, behind) => {
      inHand.remove(entry);
      const first = parked.begin(entry.message, placeOf(entry.message, entry.at), attempts, error);
      for (const next of behind) {
        inHand.remove(next);
        parked.follow(first, next.message, placeOf(next.message, next.at));
      }
      room();
    },
  });

  /** Takes one message, or says that there is no room for it. What was taken, parked or discarded before is passed over. */
  const take = (message: Message, index: number): boolean => {
    const { position } = message;
    if (position < taken.position || (position === taken.position && index <= taken.index)) return true;
    if (full()) {
      if (parked.count.unwritten > 0) options.hurry();
      return false;
    }
    taken.position = position;
    taken.index = index;
    if (discarded.size > 0 && discarded.delete(`${position}:${index}`)) return true;
    const first = parked.of(message.key);
    if (first === undefined) lanes.add(inHand.add(message, index));
    else if (!isPast(first, position, index)) parked.follow(first, message, placeOf(message, index));
    return true;
  };

  const stop = () => {
    if (leaving.signal.aborted) return;
    leaving.abort();
    gate.end();
    parked.end();
    onRoom?.();
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
    /** Resolves when there is room again, or when the group is left. */
    hasRoom: (): Promise<void> =>
      new Promise((resolve) => {
        onRoom = resolve;
        if (leaving.signal.aborted) resolve();
        else room();
      }),
    hasLeft: (): boolean => leaving.signal.aborted,
    beforeCheckpoint: async (): Promise<void> => consumer.beforeCheckpoint?.(),
    redrive: (key: OrderId, place: Place): boolean => parked.redrive(key, place, journal.recordNow),
    discard: (key: OrderId, place: Place, note: string, by: string): boolean =>
      parked.discard(key, place, () =>
        journal.recordNow({ change: 'discard', place, note, by, at: clock.now() }),
      ),
    /** Begins nothing more; the group is left. What runs goes on. */
    stop,
    /** Waits, `shutdownMsMax` at most, for the handlers that run. */
    idle: async (): Promise<void> => {
      const bound = new AbortController();
      await Promise.race([run.idle(), sleep(clock, options.shutdownMsMax, bound.signal)]);
      bound.abort();
    },
  };
};

/** Whether a message of a parked key, read again from the log, was parked or handled before. */
const isPast = ({ rows }: ParkedKey<Place>, position: number, index: number): boolean => {
  const last = rows.at(-1)!.place;
  return position < last.position || (position === last.position && index <= last.index);
};

/** A consumer group at work. */
export type GroupWorker = ReturnType<typeof groupWorker>;

/** Counts handlers that run. */
export const runCount = () => {
  let running = 0;
  let onIdle: (() => void) | undefined;
  return {
    begin: (): void => {
      running += 1;
    },
    end: (): void => {
      running -= 1;
      if (running === 0) onIdle?.();
    },
    /** Resolves when none runs. */
    idle: (): Promise<void> =>
      new Promise((resolve) => {
        onIdle = resolve;
        if (running === 0) resolve();
      }),
  };
};
