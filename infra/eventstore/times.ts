import { LRUCache } from 'lru-cache';

/** Records whose time was raised that are remembered. */
const raisedMax = 10_000;

/**
 * Times that never decrease from one position to the next, out of those of a server whose clock may be put back, or
 * which is followed by another one: a time that is behind is raised to that of the record before it. What was raised is
 * remembered, so that a record has one time in this process wherever it is read.
 */
export const risingTimes = () => {
  const raised = new LRUCache<number, number>({ max: raisedMax });
  return {
    /** The time of a record that follows on one of `before`; both in milliseconds since 1970. */
    following: (position: number, stamped: number, before: number): number => {
      const known = raised.get(position) ?? stamped;
      if (known >= before) return known;
      raised.set(position, before);
      return before;
    },
    /** The time of a record, whatever is before it. */
    of: (position: number, stamped: number): number => raised.get(position) ?? stamped,
  };
};

/** Rising times, as `risingTimes` makes them. */
export type RisingTimes = ReturnType<typeof risingTimes>;
