import type { Clock } from '../ports/clock.ts';
import type { RecordedEvent, Subscription } from '../ports/event-log.ts';

/** How long a follower waits before it gets a batch again that it threw at, or that could not be read. */
const followRetryMs = 100;

/** What followers read from. */
export type FollowerSource = {
  readonly clock: Clock;
  /** The position of the last synced record. */
  head(): number;
  /** Records after a position from memory, `undefined` where they are not there. */
  recent(after: number, max: number): RecordedEvent[] | undefined;
  /** Records after a position from where they are stored; none: it looks again. */
  stored(after: number, max: number): readonly RecordedEvent[] | Promise<readonly RecordedEvent[]>;
  /**
   * Called when a follower stays at its place, because its records cannot be read or it throws at them (`cause` is
   * what it threw): once, and again when it is for another reason.
   */
  onUnreadable(error: Error): void;
  /** Called when a follower goes on that such a call was for; `position`: of the last record that it has handled. */
  onGoesOn?(position: number): void;
};

type Follower = { pump(): void; close(): Promise<void> };

/**
 * Those who follow the log, each with its own place. `poke` hands new records over at once, in the order in which
 * the followers came; one that lags is served between the turns of the event loop, from disk.
 */
export const followers = (source: FollowerSource) => {
  const all = new Set<Follower>();
  let ended = false;

  const follow = (
    after: number,
    batchMax: number,
    onRecords: (records: readonly RecordedEvent[]) => void | Promise<void>,
  ): Subscription => {
    if (ended) return { close: async () => {} };
    let place = after;
    /** The batch at hand; kept until it is handled. */
    let batch: readonly RecordedEvent[] | undefined;
    /** Set while a promise, a pause or a turn of the event loop is waited for. */
    let waiting = false;
    let closed = false;
    let cancelRetry: (() => void) | undefined;
    let running: Promise<void> | undefined;
    /** Why the follower stays at its place, once that has been said. */
    let stalledBy: string | undefined;

    const resume = () => {
      waiting = false;
      pump();
    };
    const again = () => {
      if (closed) return;
      waiting = true;
      cancelRetry = source.clock.after(followRetryMs, resume);
    };
    const stall = (error: Error) => {
      if (!closed && stalledBy !== error.message) {
        stalledBy = error.message;
        source.onUnreadable(error);
      }
      again();
    };
    const refused = (thrown: unknown) => {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      const message = `a follower of the log throws at the records after position ${place}: ${reason}`;
      stall(new Error(message, { cause: thrown }));
    };
    const done = () => {
      place = batch!.at(-1)!.position;
      batch = undefined;
      if (stalledBy === undefined) return;
      stalledBy = undefined;
      source.onGoesOn?.(place);
    };
    const take = (records: readonly RecordedEvent[]) => {
      if (records.length > 0) batch = records;
      resume();
    };
    /** Reads the next batch; false where there is none yet, or it was read from disk and comes in a later turn. */
    const read = (): boolean => {
      if (batch !== undefined) return true;
      if (place >= source.head()) return false;
      batch = source.recent(place, batchMax);
      if (batch !== undefined) return true;
      try {
        const found = source.stored(place, batchMax);
        waiting = true;
        if (found instanceof Promise) found.then(take, stall);
        else setImmediate(take, found);
      } catch (error) {
        stall(error as Error);
      }
      return false;
    };
    const hand = (records: readonly RecordedEvent[]) => {
      const result = onRecords(records);
      if (result === undefined) return done();
      waiting = true;
      running = result.then(done, refused).finally(() => {
        running = undefined;
        if (cancelRetry === undefined) resume();
      });
    };
    const pump = (): void => {
      cancelRetry = undefined;
      while (!closed && !waiting && read()) {
        try {
          hand(batch!);
        } catch (error) {
          refused(error);
        }
      }
    };

    const follower: Follower = {
      pump: () => {
        if (!waiting) pump();
      },
      close: async () => {
        closed = true;
        cancelRetry?.();
        all.delete(follower);
        await running;
      },
    };
    all.add(follower);
    setImmediate(follower.pump);
    return { close: follower.close };
  };

  return {
    follow,
    /** New records are there. */
    poke: (): void => {
      for (const follower of all) follower.pump();
    },
    /** Closes all, and hands over nothing to whoever comes later. */
    close: async (): Promise<void> => {
      ended = true;
      await Promise.all([...all].map((follower) => follower.close()));
    },
  };
};
