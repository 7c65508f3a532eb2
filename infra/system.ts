import { v7 } from 'uuid';
import type { Clock } from './ports/clock.ts';
import type { Ids } from './ports/ids.ts';

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Fresh UUIDv7s. */
export const systemIds: Ids = { next: () => v7() };
