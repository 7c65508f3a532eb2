import { describe, expect, it } from '@jest/globals';
import { fairShare } from './lease-shares.ts';

type Row = readonly [held: number, able: number];

const share = (pieces: number, [held, able]: Row, ...others: readonly Row[]) =>
  fairShare(
    pieces,
    { owner: 'me', held, able },
    others.map(([theirs, could], index) => ({ owner: `other ${index}`, held: theirs, able: could })),
  );

describe('the share of one who competes', () => {
  it('is everything alone, and the same for all otherwise, rounded up while nobody has less than rounded down', () => {
    expect(share(8, [0, 8])).toEqual({ atMost: 8, tooMuch: false, free: 8 });
    expect(share(8, [4, 8], [4, 8])).toEqual({ atMost: 4, tooMuch: false, free: 0 });
    expect(share(8, [8, 8], [0, 8]).tooMuch).toBe(true);
    expect(share(4, [2, 4], [1, 4], [1, 4])).toEqual({ atMost: 2, tooMuch: false, free: 0 });
    expect(share(4, [2, 4], [2, 4], [0, 4]).tooMuch).toBe(true);
  });

  it('leaves to the others what one of them could not do', () => {
    expect(share(8, [4, 8], [0, 0])).toEqual({ atMost: 8, tooMuch: false, free: 4 });
    expect(share(8, [4, 0], [4, 8])).toEqual({ atMost: 0, tooMuch: true, free: 0 });
    expect(share(8, [0, 2], [6, 8]).atMost).toBe(2);
    expect(share(9, [0, 9], [0, 1], [0, 9]).atMost).toBe(4);
  });

  it('gives one that tries again one piece', () => {
    expect(share(8, [8, 8], [0, 1]).tooMuch).toBe(true);
    expect(share(8, [7, 8], [1, 1]).tooMuch).toBe(false);
    expect(share(8, [1, 1], [7, 8])).toEqual({ atMost: 1, tooMuch: false, free: 0 });
  });

  it('stays where it is while nobody could do it, and is taken by anybody rather than by nobody', () => {
    expect(share(8, [8, 0], [0, 0])).toEqual({ atMost: 8, tooMuch: false, free: 0 });
    expect(share(8, [5, 0], [0, 0]).atMost).toBe(8);
    expect(share(8, [8, 0], [0, 1]).tooMuch).toBe(true);
    expect(share(8, [7, 0], [1, 1]).tooMuch).toBe(false);
    expect(share(8, [7, 0], [1, 0]).tooMuch).toBe(false);
    expect(share(8, [0, 0], [1, 1])).toEqual({ atMost: 7, tooMuch: false, free: 7 });
  });
});
