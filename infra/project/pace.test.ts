import { describe, expect, it } from '@jest/globals';
import type { Clock } from '../ports/clock.ts';
import { rateMeter, restMs, secondsLeft } from './pace.ts';

describe('the pace of a rebuild', () => {
  it('is as fast as it can where it is full, and where no orders come in', () => {
    expect(restMs('full', 2_000, 10, 50_000)).toBe(0);
    expect(restMs('default', 2_000, 10, 0)).toBe(0);
  });

  it('leaves most of the time to orders where they come in', () => {
    const rest = restMs('default', 2_000, 10, 1_000);
    expect(rest).toBeGreaterThan(10);
    expect(restMs('default', 2_000, 20, 1_000)).toBeCloseTo(2 * rest);
  });

  it('is so many events a second where a number says so, whatever comes in', () => {
    expect(restMs(1_000, 100, 10, 0)).toBe(90);
    expect(restMs(1_000, 100, 10, 50_000)).toBe(90);
    expect(restMs(1_000_000, 100, 10, 0)).toBe(0);
  });

  it('is reported over the last seconds, and not before there is anything to say', () => {
    let now = 0;
    const { perSecond } = rateMeter({ monotonic: () => now } as Clock, 1_000);
    expect(perSecond(100)).toBeNull();
    now = 500;
    expect(perSecond(600)).toBe(1_000);
    now = 1_500;
    expect(perSecond(600)).toBe(0);
    now = 1_600;
    // Another rebuild has begun.
    expect(perSecond(50)).toBeNull();
  });

  it('says how many seconds are left while the log grows, and nothing where it grows faster', () => {
    expect(secondsLeft({ position: 1_000, head: 3_000 }, 1_200, 200)).toBe(2);
    expect(secondsLeft({ position: 1_000, head: 3_000 }, 200, 200)).toBeNull();
    expect(secondsLeft({ position: 1_000, head: 3_000 }, null, 0)).toBeNull();
    expect(secondsLeft({ position: 3_000, head: 3_000 }, null, 0)).toBe(0);
  });
});
