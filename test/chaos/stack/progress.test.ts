import { expect, it } from '@jest/globals';
import { counted } from './progress.ts';

it('a recovery counts the disturbances that began while it lasted', () => {
  const recovery = (atMs: number, recoveredMs: number) => ({
    what: 'a process killed',
    atMs,
    recoveredMs,
    awayMs: 0,
    acknowledgedMs: 0,
    slowestOrderId: 'order',
  });
  const all = [recovery(0, 100), recovery(50, 10), recovery(99, 500), recovery(100, 10)];
  expect(counted(all).map(({ disturbedAgain }) => disturbedAgain)).toEqual([2, 0, 1, 0]);
});
