import { type Clock, sleep } from '../ports/clock.ts';

/** Resolves with what a promise does, or with undefined after so long; the promise goes on. Rejects as it does. */
export const within = async <T>(clock: Clock, msMax: number, what: Promise<T>): Promise<T | undefined> => {
  const bound = new AbortController();
  try {
    return await Promise.race([what, sleep(clock, msMax, bound.signal).then(() => undefined)]);
  } finally {
    bound.abort();
  }
};
