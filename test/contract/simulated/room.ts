import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { Clock } from '@recourse/infra/ports/clock';
import { systemClock } from '@recourse/infra/system';
import type { BooksRoom } from '../../books-kit.ts';
import { virtualClock } from '../../virtual-clock.ts';
import { until } from '../event-log/events.ts';

/** What the suites of all simulators are made of. */

/** How long a simulator takes. */
export type Latency = { readonly latencyMs?: number; readonly slowMs?: number };

/** A simulator that can be closed, over books that each test finds empty. */
export type SimulatorRoom<Simulator, Manner = Latency> = BooksRoom<
  Simulator & { close(): void | Promise<void> },
  Manner & { readonly clock: Clock }
>;

/** A room for each test of the suite around it; `open` opens another simulator over the same books. */
export const roomForEach = <Simulator, Manner extends Latency>(
  openRoom: () => SimulatorRoom<Simulator, Manner>,
) => {
  let books: SimulatorRoom<Simulator, Manner>;
  beforeEach(() => {
    books = openRoom();
  });
  afterEach(() => books.dispose());
  return {
    open: (manner?: Manner, clock: Clock = systemClock) => books.open({ ...(manner as Manner), clock }),
    rows: (table: string) => books.rows(table),
  };
};

/** What a suite tries simulators in. */
export type RoomForEach<Simulator, Manner extends Latency> = ReturnType<
  typeof roomForEach<Simulator, Manner>
>;

/** What so many calls with one key come to, one after the other: done, refused for that reason, or unknown. */
export const outcomesOf = async (times: number, call: () => Promise<object>): Promise<string[]> => {
  const outcomes: string[] = [];
  for (let n = 0; n < times; n += 1)
    outcomes.push(
      await call().then(
        (answer) => ('reason' in answer ? String(answer.reason) : 'done'),
        () => 'unknown',
      ),
    );
  return outcomes;
};

/** A simulator answers later than it writes; with two calls that make a row of `table` each, one of them slow. */
export const letsLatencyPass = <Simulator>(
  { open, rows }: RoomForEach<Simulator, Latency>,
  table: string,
  calls: Record<'quick' | 'slow', (simulator: Simulator) => Promise<unknown>>,
): void =>
  it('lets its latency pass between the books and the answer, and more of it for what is slow', async () => {
    const clock = virtualClock();
    const simulator = open({ latencyMs: 100, slowMs: 3_000 }, clock);
    const answered: string[] = [];
    const quick = calls.quick(simulator).then(() => answered.push('quick'));
    const slow = calls.slow(simulator).then(() => answered.push('slow'));
    await until(() => clock.pending() === 2);
    await clock.advance(99);
    expect(await rows(table)).toHaveLength(2);
    expect(answered).toEqual([]);
    await clock.advance(1);
    await quick;
    await clock.advance(2_899);
    expect(answered).toEqual(['quick']);
    await clock.advance(1);
    await slow;
  });
