import type { OrderId } from '@recourse/contracts/ids';
import type { Message } from '../ports/broker.ts';
import type { Outcome } from './attempts.ts';

/** The messages of one key that wait for the one that is being handled. */
type Lane<E> = { readonly key: OrderId; readonly queue: E[]; busy: boolean };

type LaneOptions<E> = {
  readonly handle: (message: Message) => Promise<void>;
  /** Tries a message that failed once until it is known what becomes of it. */
  readonly attempt: (
    message: Message,
    attempts: number,
    failure: { readonly error: unknown },
  ) => Promise<Outcome>;
  /** Whether nothing is to begin now, until `resume`. */
  readonly isShut: () => boolean;
  readonly leaving: AbortSignal;
  /** A handler begins, and has ended. */
  readonly onBegin: () => void;
  readonly onEnd: () => void;
  readonly onHandled: (entry: E) => void;
  readonly onFailedOnce: (error: unknown) => void;
  /** A message has failed for good, with those of its key that were queued behind it. */
  readonly onFailed: (entry: E, attempts: number, error: unknown, behind: readonly E[]) => void;
};

/** Handles one message of a key at a time, in the order in which they come, and keys in parallel. */
export const keyedLanes = <E extends { readonly message: Message }>(options: LaneOptions<E>) => {
  const lanes = new Map<OrderId, Lane<E>>();
  const stalled: Lane<E>[] = [];

  const start = (lane: Lane<E>, entry: E) => {
    lane.busy = true;
    options.onBegin();
    let handled: Promise<void>;
    try {
      handled = options.handle(entry.message);
    } catch (error) {
      handled = Promise.reject(error);
    }
    handled.then(
      () => finish(lane, entry),
      (error) => void struggle(lane, entry, error),
    );
  };

  const finish = (lane: Lane<E>, entry: E) => {
    options.onHandled(entry);
    options.onEnd();
    proceed(lane);
  };

  /** Goes on with a key whose last message is done with. */
  const proceed = (lane: Lane<E>) => {
    lane.busy = false;
    if (lane.queue.length === 0) lanes.delete(lane.key);
    else if (!options.leaving.aborted) startNext(lane);
  };

  const startNext = (lane: Lane<E>) => {
    if (!options.isShut()) return start(lane, lane.queue.shift()!);
    lane.busy = true;
    stalled.push(lane);
  };

  const struggle = async (lane: Lane<E>, entry: E, error: unknown) => {
    options.onFailedOnce(error);
    const result = await options.attempt(entry.message, 0, { error });
    if (result.outcome === 'handled') return finish(lane, entry);
    if (result.outcome === 'failed') {
      lanes.delete(lane.key);
      options.onFailed(entry, result.attempts, result.error, lane.queue);
    }
    options.onEnd();
  };

  return {
    /** Handles a message when those of its key before it are done with. */
    add: (entry: E): void => {
      const { key } = entry.message;
      let lane = lanes.get(key);
      if (lane === undefined) {
        lane = { key, queue: [], busy: false };
        lanes.set(key, lane);
      }
      lane.queue.push(entry);
      if (!lane.busy) startNext(lane);
    },
    /** Begins what was to begin while it was shut. */
    resume: (): void => {
      for (const lane of stalled.splice(0)) proceed(lane);
    },
  };
};
