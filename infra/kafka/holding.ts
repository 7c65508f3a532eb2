import { setImmediate } from 'node:timers/promises';
import { type Clock, sleep } from '../ports/clock.ts';

/** How often the library is given the occasion to send a heartbeat; it sends one when one is due. */
const occasionEveryMs = 500;

/**
 * Waits for something inside a handler of the library with heartbeats going on, for it sends none by itself. Rejects
 * with what `heartbeat` does, which says that the group is being shared out anew, and must be thrown on. Goes on in a
 * turn of its own, so that an assignment that the library has changed meanwhile is known to be over.
 */
export const holding = async (
  clock: Clock,
  until: Promise<unknown>,
  heartbeat: () => Promise<void>,
): Promise<void> => {
  let done = false;
  const settled = until.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  try {
    while (!done) {
      const nap = new AbortController();
      await Promise.race([settled, sleep(clock, occasionEveryMs, nap.signal)]);
      nap.abort();
      if (!done) await heartbeat();
    }
  } finally {
    await setImmediate();
  }
};
