import { describe, expect, it } from '@jest/globals';
import { rejectsCsv } from './rejects.ts';
import { percentile } from './summary.ts';

describe('percentiles', () => {
  it('are values that were measured, by nearest rank', () => {
    const times = Array.from({ length: 100 }, (_, i) => i + 1);
    expect([50, 95, 99].map((p) => percentile(times, p))).toEqual([50, 95, 99]);
    expect([50, 95, 99].map((p) => percentile([7], p))).toEqual([7, 7, 7]);
    expect(percentile([1, 2, 3], 50)).toBe(2);
  });
});

describe('the file of dropped rows', () => {
  it('is CSV itself', () => {
    const rejects = [
      { line: 2, invoice: '536414', reason: 'price-zero' },
      { line: 3, invoice: 'a "b", c', reason: 'country-not-printable' },
    ] as const;
    expect(
      rejectsCsv({ rows: 2, invoices: [], emptied: [], returns: { invoices: 0, rows: 0 }, rejects }),
    ).toBe('line,invoice,reason\n2,536414,price-zero\n3,"a ""b"", c",country-not-printable\n');
  });
});
