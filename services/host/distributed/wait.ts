import { StartError, UnavailableError } from '@recourse/infra/errors';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import type { Logger } from 'pino';

/** How long it waits between two tries, at first and at the most, and how often it says for what. */
const retryMsMin = 200;
const retryMsMax = 2_000;
const sayEveryMs = 5_000;

/** What is waited for at a start. */
export type Waiting = {
  /** What and where, without a secret: `PostgreSQL at db:5432`. */
  readonly what: string;
  /** The setting that says where. */
  readonly variable: string;
  readonly waitMsMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gives it up. */
  readonly signal?: AbortSignal;
};

/**
 * Tries until it succeeds: what cannot be reached yet is waited for, and said. Rejects with `StartError` `not-reached`
 * once the time is over, and at once with any other error than that of something that cannot be reached.
 */
export const reached = async <T>(waiting: Waiting, attempt: () => Promise<T>): Promise<T> => {
  const { what, variable, waitMsMax, clock, logger, signal } = waiting;
  const from = clock.monotonic();
  let saidAt = Number.NEGATIVE_INFINITY;
  for (let delayMs = retryMsMin; ; delayMs = Math.min(delayMs * 2, retryMsMax)) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof UnavailableError) || signal?.aborted) throw error;
      const waitedMs = Math.round(clock.monotonic() - from);
      if (waitedMs + delayMs > waitMsMax)
        throw new StartError(
          'not-reached',
          `${what} was not reached within ${waitMsMax} ms (START_WAIT_MS_MAX): ${error.message}. Check ${variable}, and whether it runs there.`,
        );
      if (clock.monotonic() - saidAt >= sayEveryMs) {
        saidAt = clock.monotonic();
        logger.warn({ reason: error.message, waitedMs, waitMsMax }, `waiting for ${what}`);
      }
      await sleep(clock, delayMs, signal);
    }
  }
};
