import { describe, expect, it } from '@jest/globals';
import { dueInMs, isWanted } from './pace.ts';

const pace = { orders: 600, runMs: 60_000 };

describe('orders over a run', () => {
  it('come in evenly', () => {
    expect([0, 1, 300, 599].map((number) => dueInMs(number, pace, 0))).toEqual([0, 100, 30_000, 59_900]);
  });

  it('that are late are due at once, until all that are due are placed', () => {
    expect([0, 100, 200, 201].map((number) => dueInMs(number, pace, 20_000))).toEqual([0, 0, 0, 100]);
  });

  it('are wanted until there are so many, or twice the time is over', () => {
    expect(isWanted(599, pace, 0)).toBe(true);
    expect(isWanted(600, pace, 0)).toBe(false);
    expect(isWanted(599, pace, 119_999)).toBe(true);
    expect(isWanted(599, pace, 120_000)).toBe(false);
  });
});
