/** Time, as an input: the system's, or a virtual one under which a whole simulation runs. */
export interface Clock {
  /** Milliseconds since 1970. May jump; for stamps, never for durations. */
  now(): number;
  /** Milliseconds since some moment; never goes back. For durations. */
  monotonic(): number;
  /** Calls `run` once, `delayMs` from now. The function that is returned cancels it. Does not keep a process alive. */
  after(delayMs: number, run: () => void): () => void;
}

/** Resolves after a delay, or at once when `signal` aborts. */
export const sleep = (clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal?.addEventListener('abort', done);
  });

/** Resolves with what a promise does, or with undefined after so long; the promise goes on. Rejects as it does. */
export const within = async <T>(clock: Clock, msMax: number, what: Promise<T>): Promise<T | undefined> => {
  const bound = new AbortController();
  try {
    return await Promise.race([what, sleep(clock, msMax, bound.signal).then(() => undefined)]);
  } finally {
    bound.abort();
  }
};
