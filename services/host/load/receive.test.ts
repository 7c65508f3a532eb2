import { describe, expect, it } from '@jest/globals';
import type { Sku } from '@recourse/contracts/ids';
import type { Invoice } from './invoices.ts';
import { parseShare, type Share, shareOf, stockFor } from './receive.ts';

const share = (text: string) => parseShare(text) as Share;
const invoice = (...lines: [string, number][]): Invoice => ({
  number: '1',
  customerId: undefined,
  country: 'France',
  lines: lines.map(([sku, quantity]) => ({ sku: sku as Sku, quantity, unitPrice: 1 })),
});

describe('the share of a demand', () => {
  it('is rounded up, exactly', () => {
    expect(shareOf(share('0.1'), 30)).toBe(3);
    expect(shareOf(share('0.9'), 10)).toBe(9);
    expect(shareOf(share('0.9'), 11)).toBe(10);
    expect(shareOf(share('1.1'), 10)).toBe(11);
    expect(shareOf(share('1'), 7)).toBe(7);
    expect(shareOf(share('0.000001'), 1)).toBe(1);
    expect(shareOf(share('0'), 7)).toBe(0);
  });

  it.each(['-1', 'half', '0.1234567', '1e2', '', '10000', '.5'])('is not %j', (text) => {
    expect(parseShare(text)).toBeUndefined();
  });

  it('is taken over all invoices of the file, by SKU; what needs nothing is not received', () => {
    const invoices = [invoice(['A', 3], ['B', 1], ['A', 2]), invoice(['A', 6])];
    expect([...stockFor(invoices, share('0.5'))]).toEqual([
      ['A', 6],
      ['B', 1],
    ]);
    expect(stockFor(invoices, share('0')).size).toBe(0);
  });

  it('is refused where a receipt could not hold it', () => {
    expect(() => stockFor([invoice(['A', 1_000_000_000], ['A', 1])], share('1'))).toThrow(
      /smaller --stock-share/,
    );
  });
});
