/** How long after the run orders may still be placed, as a multiple of the run: troubles have held them up. */
const overtimeFactor = 2;

/**
 * When orders come in: evenly over the run, whatever held up the ones before. Who is late is not late for ever: what is
 * due is placed at once, and the next is due when it would have been.
 */
export type Pace = { readonly orders: number; readonly runMs: number };

/** How long the order of this number, from 0, has to wait yet, so long after the beginning; 0 where it is due. */
export const dueInMs = (number: number, { orders, runMs }: Pace, elapsedMs: number): number =>
  Math.max(0, (number / orders) * runMs - elapsedMs);

/** Whether the order of this number is still to be placed, so long after the beginning. */
export const isWanted = (number: number, { orders, runMs }: Pace, elapsedMs: number): boolean =>
  number < orders && elapsedMs < runMs * overtimeFactor;
