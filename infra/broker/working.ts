import type { Logger } from 'pino';
import { UnavailableError, type UnknownVersionError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';
import { type Clock, within } from '../ports/clock.ts';
import { attempting } from './attempts.ts';
import type { Change, Standing } from './changes.ts';
import { openGate } from './gate.ts';
import { keyedLanes } from './lanes.ts';
import { parkedKeys } from './parked-keys.ts';
import { parkedLimit } from './parked-limit.ts';

/** What happened to a message in a group, for counters. */
export type Handling = 'handled' | 'failed' | 'waiting' | 'dead' | 'unavailable' | 'poison';

/** What every worker of a group is made with; limits are the broker's. */
export type WorkOptions = {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quickRetries: number;
  readonly retryDelaysMs: readonly number[];
  readonly inHandMax: number;
  readonly parkedMax: number;
  readonly observe: (group: string, handling: Handling) => void;
  readonly onFatal: (error: UnknownVersionError) => void;
  /** There may be something new to write: called for each message, must be cheap. */
  readonly onProgress: () => void;
  /** Asks for parked messages to be made durable soon: they hold up the group. */
  readonly hurry: () => void;
};

type Work<P, E> = WorkOptions & {
  readonly group: string;
  readonly handle: (message: Message) => Promise<void>;
  /** Keeps a change of what is parked for the next write. */
  readonly record: (change: Change<P>) => void;
  /** The body of a parked message, from where it is kept. */
  readonly read: (place: P) => Message | undefined | Promise<Message | undefined>;
  readonly isSame: (one: P, other: P) => boolean;
  /** What is in hand, from when it is taken until it is handled or parked. */
  readonly inHand: { size(): number; remove(entry: E): void };
  readonly placeOf: (entry: E) => P;
};

/**
 * A group at work, whichever broker it is of: hands messages to the handler, one of a key at a time and keys in
 * parallel, tries again and parks what fails, stops at its place while something cannot be reached, and says when there
 * is room. `P` says where a message stands, `E` is one in hand.
 */
export const working = <P, E extends { readonly message: Message }>(options: Work<P, E>) => {
  const { group, clock, logger, inHandMax, observe, inHand, placeOf } = options;
  const leaving = new AbortController();
  const run = runCount();
  const waiting = new Set<() => void>();

  const gate = openGate(clock, () => lanes.resume());
  const attempt = attempting({ ...options, gate, leaving: leaving.signal });

  const load = () => inHand.size() + parked.count.unwritten;
  const full = () => load() >= inHandMax || limit.isReached();
  const room = () => {
    options.onProgress();
    if (waiting.size === 0 || leaving.signal.aborted || load() > inHandMax / 2 || full()) return;
    wake();
  };
  const wake = () => {
    const all = [...waiting];
    waiting.clear();
    for (const go of all) go();
  };

  const parked = parkedKeys<P>({
    ...options,
    leaving: leaving.signal,
    attempt: async (message, attempts) => {
      run.begin();
      const outcome = await attempt(message, attempts);
      if (outcome.outcome === 'handled') observe(group, 'handled');
      run.end();
      return outcome;
    },
    onRoom: room,
    onParked: tellParked(options),
  });

  const limit = parkedLimit({ ...options, count: parked.count });

  const lanes = keyedLanes<E>({
    handle: options.handle,
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
      const first = parked.begin(entry.message, placeOf(entry), attempts, error);
      for (const next of behind) {
        inHand.remove(next);
        parked.follow(first, next.message, placeOf(next));
      }
      room();
    },
  });

  return {
    parked,
    /** Handles what is in hand, after those of its key before it. None of its key may be parked. */
    begin: lanes.add,
    /** Whether there is no room for one more. What holds it up is hurried on. */
    isFull: (): boolean => {
      if (!full()) return false;
      if (parked.count.unwritten > 0) options.hurry();
      return true;
    },
    /** Resolves when there is room again, or when it is stopped. */
    hasRoom: (): Promise<void> =>
      new Promise((resolve) => {
        waiting.add(resolve);
        if (leaving.signal.aborted) wake();
        else room();
      }),
    /** Why nothing is taken, where that is for a reason that is known. */
    holdsBecause: (): string | undefined => {
      if (gate.isShut()) return 'something it needs cannot be reached';
      return limit.problem();
    },
    /** Too many of its messages are parked, in words for people. */
    problem: limit.problem,
    hasLeft: (): boolean => leaving.signal.aborted,
    /** Begins nothing more. What runs goes on. */
    stop: (): void => {
      if (leaving.signal.aborted) return;
      leaving.abort();
      gate.end();
      parked.end();
      wake();
    },
    /** Waits for the handlers that run, so long at most. */
    idle: (msMax: number): Promise<void> => within(clock, msMax, run.idle()),
  };
};

/** Says of a message that it was parked, to people and to counters. */
const tellParked =
  ({
    group,
    observe,
    onProgress,
    logger,
  }: Pick<Work<never, never>, 'group' | 'observe' | 'onProgress' | 'logger'>) =>
  ({ key, type, id, position }: Message, { state, attempts }: Standing, error: unknown): void => {
    observe(group, state === 'dead' ? 'dead' : 'waiting');
    onProgress();
    const told = { orderId: key, group, type, messageId: id, position, attempts, err: error };
    if (state === 'dead') logger.error(told, 'message is a dead letter: its order waits for a person');
    else logger.warn(told, 'message failed: its order waits to be tried again');
  };

/** Counts handlers that run. */
const runCount = () => {
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
