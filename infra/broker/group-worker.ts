import type { OrderId } from '@recourse/contracts/ids';
import type { Topic } from '@recourse/contracts/registry';
import type { Logger } from 'pino';
import { UnavailableError, type UnknownVersionError } from '../errors.ts';
import type { ConsumerGroup, Message } from '../ports/broker.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import { attempting } from './attempts.ts';
import type { DeliveryStore, Place, Standing } from './delivery-store.ts';
import { openGate } from './gate.ts';
import { type Entry, inHandList } from './in-hand.ts';
import type { DeliveryJournal } from './journal.ts';
import { parkedKeys } from './parked-keys.ts';

/** What happened to a message in a group, for counters. */
export type Handling = 'handled' | 'failed' | 'waiting' | 'dead' | 'unavailable';

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

/** The messages of one key that wait for the one that is being handled. */
type Lane = { readonly key: OrderId; readonly queue: Entry[]; busy: boolean };

/**
 * One consumer group at work: takes messages in the order of the log, hands them to the handler, one of a key at a
 * time and keys in parallel, and knows below which position nothing is in hand any more.
 */
export const groupWorker = (options: WorkerOptions) => {
  const { consumer, checkpoint, store, journal, clock, logger, inHandMax, parkedMax, observe } = options;
  const { group } = consumer;
  const leaving = new AbortController();
  const lanes = new Map<OrderId, Lane>();
  const inHand = inHandList();
  const stalled: Lane[] = [];
  const discarded = new Set(
    store.discardedAfter(group, checkpoint).map(({ position, index }) => `${position}:${index}`),
  );
  const taken = { position: 0, index: -1 };
  let running = 0;
  let onRoom: (() => void) | undefined;
  let onIdle: (() => void) | undefined;

  const gate = openGate(clock, () => {
    for (const lane of stalled.splice(0)) proceed(lane);
  });
  const handle = (message: Message) => consumer.handle(message);
  const { quickRetries, retryDelaysMs } = options;
  const attempt = attempting({
    handle,
    quickRetries,
    clock,
    gate,
    leaving: leaving.signal,
    onFatal: options.onFatal,
  });

  const full = () => inHand.size() + parked.count.unwritten >= inHandMax || parkedCount() >= parkedMax;
  const parkedCount = () => parked.count.waiting + parked.count.dead;
  const room = () => {
    options.onProgress();
    if (onRoom === undefined || leaving.signal.aborted) return;
    const load = inHand.size() + parked.count.unwritten;
    if (load > inHandMax / 2 || full()) return;
    onRoom();
    onRoom = undefined;
  };

  const parked = parkedKeys({
    group,
    store,
    journal,
    clock,
    retryDelaysMs,
    quickRetries,
    leaving: leaving.signal,
    attempt: async (message, attempts) => {
      running += 1;
      const outcome = await attempt(message, attempts);
      if (outcome.outcome === 'handled') observe(group, 'handled');
      ended();
      return outcome;
    },
    onRoom: () => room(),
    onParked: (message, standing, error) => tellParked(message, standing, error),
  });

  const tellParked = ({ key, type, id, position }: Message, standing: Standing, error: unknown) => {
    observe(group, standing.state === 'dead' ? 'dead' : 'waiting');
    const told = {
      orderId: key,
      group,
      type,
      messageId: id,
      position,
      attempts: standing.attempts,
      err: error,
    };
    if (standing.state === 'dead')
      logger.error(told, 'message is a dead letter: its order waits for a person');
    else logger.warn(told, 'message failed: its order waits to be tried again');
  };

  const ended = () => {
    running -= 1;
    if (running === 0) onIdle?.();
  };

  const start = (lane: Lane, entry: Entry) => {
    lane.busy = true;
    running += 1;
    let handled: Promise<void>;
    try {
      handled = consumer.handle(entry.message);
    } catch (error) {
      handled = Promise.reject(error);
    }
    handled.then(
      () => finish(lane, entry),
      (error) => void struggle(lane, entry, error),
    );
  };

  const finish = (lane: Lane, entry: Entry) => {
    observe(group, 'handled');
    inHand.remove(entry);
    ended();
    proceed(lane);
    room();
  };

  /** Goes on with a key whose last message is done with. */
  const proceed = (lane: Lane) => {
    lane.busy = false;
    if (lane.queue.length === 0) lanes.delete(lane.key);
    else if (leaving.signal.aborted) return;
    else if (gate.isShut()) {
      lane.busy = true;
      stalled.push(lane);
    } else start(lane, lane.queue.shift()!);
  };

  const struggle = async (lane: Lane, entry: Entry, error: unknown) => {
    if (error instanceof UnavailableError) {
      observe(group, 'unavailable');
      if (!gate.isShut()) logger.warn({ group, err: error }, 'group stops at its place until it can go on');
    } else observe(group, 'failed');
    const result = await attempt(entry.message, 0, { error });
    if (result.outcome === 'handled') return finish(lane, entry);
    if (result.outcome === 'failed') park(lane, entry, result.attempts, result.error);
    ended();
  };

  const park = (lane: Lane, entry: Entry, attempts: number, error: unknown) => {
    lanes.delete(lane.key);
    inHand.remove(entry);
    parked.begin(entry.message, entry.index, attempts, error);
    const first = parked.of(lane.key)!;
    for (const next of lane.queue) {
      inHand.remove(next);
      parked.follow(first, next.message, next.index);
    }
    room();
  };

  /** Takes one message, or says that there is no room for it. What was taken, parked or discarded before is passed over. */
  const take = (message: Message, index: number): boolean => {
    const { key, position } = message;
    if (position < taken.position || (position === taken.position && index <= taken.index)) return true;
    if (full()) {
      if (parked.count.unwritten > 0) options.hurry();
      return false;
    }
    taken.position = position;
    taken.index = index;
    if (discarded.size > 0 && discarded.delete(`${position}:${index}`)) return true;
    const first = parked.of(key);
    if (first !== undefined) {
      if (!parked.isPast(first, position, index)) parked.follow(first, message, index);
      return true;
    }
    const entry = inHand.add(message, index);
    let lane = lanes.get(key);
    if (lane === undefined) {
      lane = { key, queue: [], busy: false };
      lanes.set(key, lane);
    }
    if (lane.busy) lane.queue.push(entry);
    else if (gate.isShut()) {
      lane.queue.push(entry);
      lane.busy = true;
      stalled.push(lane);
    } else start(lane, entry);
    return true;
  };

  const stop = () => {
    if (leaving.signal.aborted) return;
    leaving.abort();
    gate.end();
    parked.end();
    onRoom?.();
  };

  parked.load();

  return {
    group,
    topics: new Set<Topic>(consumer.topics),
    take,
    counts: parked.count,
    /** The lowest position that has a message in hand, if any. */
    lowestInHand: inHand.lowest,
    /** Resolves when there is room again, or when the group is left. */
    hasRoom: (): Promise<void> =>
      new Promise((resolve) => {
        onRoom = resolve;
        if (leaving.signal.aborted) resolve();
        else room();
      }),
    hasLeft: (): boolean => leaving.signal.aborted,
    beforeCheckpoint: async (): Promise<void> => consumer.beforeCheckpoint?.(),
    redrive: (key: OrderId, place: Place): boolean => parked.redrive(key, place),
    discard: (key: OrderId, place: Place, note: string, by: string): boolean =>
      parked.discard(key, place, note, by),
    /** Begins nothing more; the group is left. What runs goes on. */
    stop,
    /** Waits, `shutdownMsMax` at most, for the handlers that run. */
    idle: async (): Promise<void> => {
      if (running === 0) return;
      const bound = new AbortController();
      const idle = new Promise<void>((resolve) => {
        onIdle = resolve;
      });
      await Promise.race([idle, sleep(clock, options.shutdownMsMax, bound.signal)]);
      bound.abort();
    },
  };
};

/** A consumer group at work. */
export type GroupWorker = ReturnType<typeof groupWorker>;
