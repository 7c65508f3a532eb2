import { describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import { startVersion } from './ramp.ts';

/** Ids as orders get them one after the other: alike but for their end. */
const ids = Array.from(
  { length: 10_000 },
  (_, index) => `0192f0a0-0000-7000-8000-${index.toString(16).padStart(12, '0')}` as OrderId,
);
const on2 = (percent: number) => new Set(ids.filter((id) => startVersion(id, { version: 2, percent }) === 2));

describe('the version on which a new order begins', () => {
  it('is the one that is configured for so many of a hundred, and the one before for the others', () => {
    expect([on2(0).size, on2(100).size]).toEqual([0, ids.length]);
    for (const percent of [1, 10, 50, 90]) {
      const share = (on2(percent).size * 100) / ids.length;
      expect(Math.abs(share - percent)).toBeLessThan(1.5);
    }
  });

  it('stays with an order while the ramp goes up', () => {
    const [few, more] = [on2(10), on2(30)];
    expect([...few].every((id) => more.has(id))).toBe(true);
  });

  it('is the first at any percentage where there is none before it', () => {
    for (const percent of [0, 50, 100]) expect(startVersion(ids[0]!, { version: 1, percent })).toBe(1);
  });

  it('never changes for an id: orders of which a record is lost begin again as they did', () => {
    const twelve = ids.slice(0, 12).map((id) => startVersion(id, { version: 2, percent: 50 }));
    expect(twelve).toEqual([1, 2, 2, 1, 2, 1, 2, 2, 1, 1, 2, 2]);
  });
});
