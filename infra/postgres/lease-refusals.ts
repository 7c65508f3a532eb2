import type { Clock } from '../ports/clock.ts';

/** A piece whose `begin` rejected is left alone for so long: the same each time while nobody else could begin either. */
const retryMsMin = 2_000;
/** Where others can, it is twice as long after each time, up to that. */
const retryMsMax = 60_000;

/** The pieces with which we could not begin when we last tried, by the names of their leases. */
export const leaseRefusals = (clock: Clock) => {
  const refused = new Map<string, { readonly tries: number; readonly at: number }>();
  let othersCan = false;

  const isWaiting = (name: string): boolean => {
    const last = refused.get(name);
    if (last === undefined) return false;
    const waitMs = othersCan ? Math.min(retryMsMin * 2 ** (last.tries - 1), retryMsMax) : retryMsMin;
    return clock.monotonic() - last.at < waitMs;
  };

  return {
    add: (name: string): void => {
      refused.set(name, { tries: (refused.get(name)?.tries ?? 0) + 1, at: clock.monotonic() });
    },
    /** It has begun. */
    forget: (name: string): void => void refused.delete(name),
    isEmpty: (): boolean => refused.size === 0,
    /** Whether it is too early to try this one again. */
    isWaiting,
    /** How many are not to be tried yet. */
    waiting: (): number => [...refused.keys()].filter(isWaiting).length,
    /** Whether somebody else could do some. */
    othersAble: (can: boolean): void => {
      othersCan = can;
    },
  };
};
