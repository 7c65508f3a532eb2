import { describe, expect, it } from '@jest/globals';
import { absences, overlapMs } from './away.ts';

const ever = Number.POSITIVE_INFINITY;

describe('of the time between two moments', () => {
  it.each([
    ['nothing was away', [], 0],
    [
      'it was away before and after',
      [
        { from: 0, to: 100 },
        { from: 200, to: 300 },
      ],
      0,
    ],
    ['it was away in the middle', [{ from: 120, to: 150 }], 30],
    ['it was away when it began', [{ from: 50, to: 130 }], 30],
    ['it was away when it ended', [{ from: 180, to: 250 }], 20],
    ['it was away all the time', [{ from: 50, to: 250 }], 100],
    ['it is away still', [{ from: 160, to: ever }], 40],
    [
      'both were away, one after the other',
      [
        { from: 150, to: 160 },
        { from: 110, to: 120 },
      ],
      20,
    ],
    [
      'both were away at once: that counts once',
      [
        { from: 110, to: 150 },
        { from: 130, to: 170 },
      ],
      60,
    ],
    [
      'one was away while the other was',
      [
        { from: 110, to: 190 },
        { from: 130, to: 140 },
      ],
      80,
    ],
    [
      'one came back just when the other went',
      [
        { from: 110, to: 120 },
        { from: 120, to: 130 },
      ],
      20,
    ],
  ])('%s', (_, intervals, expected) => {
    expect(overlapMs(intervals, 100, 200)).toBe(expected);
  });
});

describe('something that is taken away', () => {
  it('is away from when it is taken until it is back', async () => {
    let now = 10;
    const away = absences(() => now);
    await away.during(async () => {
      now = 30;
      expect(away.overlapMs(0, 30)).toBe(20);
      now = 50;
    });
    now = 90;
    expect(away.overlapMs(0, 90)).toBe(40);
  });

  it('stays away where it does not come back', async () => {
    const away = absences(() => 10);
    await expect(away.during(() => Promise.reject(new Error('it did not start')))).rejects.toThrow();
    expect(away.overlapMs(0, 1_000)).toBe(990);
  });
});
