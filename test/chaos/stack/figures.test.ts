import { expect, it } from '@jest/globals';
import { figuresOf } from './figures.ts';

it('what is judged is the time in which Kafka and PostgreSQL were there; the greatest counts', () => {
  const recovery = (recoveredMs: number, awayMs: number, disturbedAgain: number) => ({
    what: 'a process killed',
    atMs: 0,
    recoveredMs,
    awayMs,
    disturbedAgain,
    acknowledgedMs: 0,
    slowestOrderId: 'order',
  });
  const recoveries = [recovery(130_000, 120_000, 3), recovery(11_000, 0, 2), recovery(1_000, 0, 0)];
  expect(figuresOf(recoveries, [900, 1_500])).toEqual({
    recoveredP50Ms: 11_000,
    recoveredP99Ms: 130_000,
    recoveredPresentP50Ms: 10_000,
    recoveredPresentP99Ms: 11_000,
    disturbedAgainP50: 2,
    disturbedAgainP99: 3,
    startedP50Ms: 1_500,
    startedP99Ms: 1_500,
  });
  expect(figuresOf([], [])).toMatchObject({ recoveredP99Ms: 0, startedP99Ms: 0 });
});
