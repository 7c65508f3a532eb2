/** When Kafka or PostgreSQL were away because we had taken them away: in that time nobody can bring an order to its end. */

/** From when to when, in milliseconds since the beginning of the run; `to` is infinite until it is there again. */
export type Away = { readonly from: number; readonly to: number };

/** How much of the time between two moments lies in any of these intervals; what lies in several counts once. */
export const overlapMs = (intervals: readonly Away[], from: number, to: number): number => {
  let sum = 0;
  let counted = from;
  for (const it of intervals.toSorted((one, other) => one.from - other.from)) {
    const begin = Math.max(counted, it.from);
    const end = Math.min(to, it.to);
    if (end <= begin) continue;
    sum += end - begin;
    counted = end;
  }
  return sum;
};

/** Keeps a list of absences; `elapsedMs` is the time since the beginning of the run. */
export const absences = (elapsedMs: () => number) => {
  const list: { readonly from: number; to: number }[] = [];
  return {
    /** Does what takes something away and gives it back: from its beginning until it resolves that is away. */
    during: async (takeAway: () => Promise<void>): Promise<void> => {
      const it = { from: elapsedMs(), to: Number.POSITIVE_INFINITY };
      list.push(it);
      await takeAway();
      it.to = elapsedMs();
    },
    /** How much of the time between two moments something was away. */
    overlapMs: (from: number, to: number): number => overlapMs(list, from, to),
  };
};

/** Such a list. */
export type Absences = ReturnType<typeof absences>;
