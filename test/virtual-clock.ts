import type { Clock } from '@recourse/infra/ports/clock';

type Timer = { readonly at: number; readonly run: () => void };

/** A clock that moves only when it is told to. */
export type VirtualClock = Clock & {
  /**
   * Lets so many milliseconds pass: runs what falls due, in the order of its times, and lets what that sets off go
   * as far as it comes by itself before the next.
   */
  advance(ms: number): Promise<void>;
  /** Sets the clock of the wall forwards or back; durations do not notice. */
  jump(ms: number): void;
  /** How many timers are set. */
  pending(): number;
};

/** How many turns of the event loop what a timer sets off may take before the next timer runs. */
const settleTurns = 8;

const settle = async () => {
  for (let turn = 0; turn < settleTurns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** A virtual clock; `startMs`: milliseconds since 1970 that it shows first. */
export const virtualClock = (startMs = Date.UTC(2026, 0, 1)): VirtualClock => {
  let elapsed = 0;
  let offset = startMs;
  /** Sorted, the soonest last. */
  const timers: Timer[] = [];

  const insert = (timer: Timer) => {
    let low = 0;
    let high = timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (timers[middle]!.at > timer.at) low = middle + 1;
      else high = middle;
    }
    timers.splice(low, 0, timer);
  };

  return {
    now: () => Math.floor(offset + elapsed),
    monotonic: () => elapsed,
    after: (delayMs, run) => {
      const timer = { at: elapsed + Math.max(0, delayMs), run };
      insert(timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
    advance: async (ms) => {
      const end = elapsed + ms;
      await settle();
      for (let next = timers.at(-1); next !== undefined && next.at <= end; next = timers.at(-1)) {
        timers.pop();
        elapsed = Math.max(elapsed, next.at);
        next.run();
        await settle();
      }
      elapsed = end;
    },
    jump: (ms) => {
      offset += ms;
    },
    pending: () => timers.length,
  };
};
