import { PermanentError, UnavailableError, UnknownVersionError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import type { Gate } from './gate.ts';

/** The wait before the first quick retry; each next one is twice as long. */
const quickDelayMs = 10;

/** What became of a message. `left`: the group was left before it was known; the message comes again. */
export type Outcome =
  | { readonly outcome: 'handled' }
  | { readonly outcome: 'failed'; readonly attempts: number; readonly error: unknown }
  | { readonly outcome: 'left' };

type Attempting = {
  readonly handle: (message: Message) => Promise<void>;
  readonly quickRetries: number;
  readonly clock: Clock;
  readonly gate: Gate;
  /** Aborted when the group is left. */
  readonly leaving: AbortSignal;
  readonly onFatal: (error: UnknownVersionError) => void;
};

/**
 * Tries one message until it is handled, has failed by itself more than `quickRetries` times (or once for good:
 * `PermanentError`), or the group is left. What cannot be reached does not count: the message waits at the gate. `attempts`: failures before this call.
 */
export const attempting = ({ handle, quickRetries, clock, gate, leaving, onFatal }: Attempting) => {
  const handled: Outcome = { outcome: 'handled' };
  const left: Outcome = { outcome: 'left' };

  return async (
    message: Message,
    attempts: number,
    failure?: { readonly error: unknown },
  ): Promise<Outcome> => {
    let failed = failure;
    let failures = attempts;
    let probe = false;
    for (;;) {
      let admission = failed === undefined ? await gate.pass() : undefined;
      if (failed?.error instanceof UnknownVersionError) {
        onFatal(failed.error);
        return left;
      }
      if (failed?.error instanceof UnavailableError) admission = await gate.failed(probe);
      else if (failed !== undefined) {
        if (probe) gate.open();
        failures += 1;
        if (failures > quickRetries || failed.error instanceof PermanentError)
          return { outcome: 'failed', attempts: failures, error: failed.error };
        await sleep(clock, quickDelayMs * 2 ** (failures - 1), leaving);
        admission = await gate.pass();
      }
      if (admission === 'ended' || leaving.aborted) return left;
      probe = admission === 'probe';
      try {
        await handle(message);
        if (probe) gate.open();
        return handled;
      } catch (error) {
        failed = { error };
      }
    }
  };
};
