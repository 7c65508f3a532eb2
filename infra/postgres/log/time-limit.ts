import { UnavailableError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';

/** Somebody who waits for an answer. */
type Asker = { readonly reject: (error: unknown) => void };

/**
 * One time limit for all that is asked of the log, from when it is asked, however much goes before it. Who has had no
 * answer by then is rejected with `UnavailableError`: what was asked may have been carried out, or may be yet. One timer
 * serves all.
 */
export const timeLimit = <A extends Asker>(clock: Clock, answerMsMax: number) => {
  /** When the time of each is over, in the order in which they have asked, which is that of their ends. */
  const open = new Map<A, number>();
  let cancel: (() => void) | undefined;

  const giveUp = () => {
    cancel = undefined;
    const now = clock.monotonic();
    const error = new UnavailableError(`the event log has not answered within ${answerMsMax} ms`);
    for (const [asker, end] of open) {
      if (end > now) return wait(end - now);
      open.delete(asker);
      asker.reject(error);
    }
  };
  const wait = (ms: number) => {
    cancel = clock.after(Math.ceil(ms), giveUp);
  };

  return {
    begin: (asker: A): void => {
      open.set(asker, clock.monotonic() + answerMsMax);
      if (cancel === undefined) wait(answerMsMax);
    },
    /** Whether it still waits. */
    waits: (asker: A): boolean => open.has(asker),
    /** It has its answer. */
    end: (asker: A): void => void open.delete(asker),
    close: (): void => cancel?.(),
  };
};
