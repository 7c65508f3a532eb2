import { randomUUIDv7 } from 'node:crypto';
import type { Clock } from './ports/clock.ts';
import type { Ids } from './ports/ids.ts';

const machineClock = (keepsAlive: boolean): Clock => ({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    if (!keepsAlive) timer.unref();
    return () => clearTimeout(timer);
  },
});

/** The machine's own clock. */
export const systemClock: Clock = machineClock(false);

/** The machine's own clock for a command that waits in the foreground: what it waits for keeps the process alive. */
export const foregroundClock: Clock = machineClock(true);

/** Fresh UUIDv7s. */
export const systemIds: Ids = { next: () => randomUUIDv7() };
