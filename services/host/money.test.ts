import { describe, expect, it } from '@jest/globals';
import { decimalsOf, formatMoney, parsePrice } from './money.ts';

describe('a price as people write it', () => {
  it.each([
    ['2.55', 255],
    ['0.29', 29],
    ['1.1', 110],
    ['4.35', 435],
    ['1.005000', 'price-too-fine'],
    ['2.5500', 255],
    ['7', 700],
    ['0.01', 1],
    ['13541.33', 1_354_133],
    ['90071992547409.91', 9_007_199_254_740_991],
    ['90071992547409.92', 'price-too-large'],
    ['0.0', 'price-zero'],
    ['0', 'price-zero'],
    ['-0.00', 'price-zero'],
    ['-11062.06', 'price-negative'],
    ['0.001', 'price-too-fine'],
    ['1e3', 'price-not-a-number'],
    ['2,55', 'price-not-a-number'],
    ['.5', 'price-not-a-number'],
    ['5.', 'price-not-a-number'],
    ['', 'price-not-a-number'],
    [' 1', 'price-not-a-number'],
    ['NaN', 'price-not-a-number'],
    ['0x10', 'price-not-a-number'],
  ])('of %j pounds is %j', (text, read) => {
    expect(parsePrice(text, 2)).toBe(read);
  });

  it('has as many decimals as its currency', () => {
    expect([decimalsOf('GBP'), decimalsOf('JPY'), decimalsOf('BHD')]).toEqual([2, 0, 3]);
    expect(parsePrice('120', 0)).toBe(120);
    expect(parsePrice('120.0', 0)).toBe(120);
    expect(parsePrice('120.5', 0)).toBe('price-too-fine');
    expect(parsePrice('1.2345', 3)).toBe('price-too-fine');
    expect(parsePrice('1.234', 3)).toBe(1_234);
  });

  it('reads what it writes, for every amount of pence', () => {
    for (let pence = 1; pence <= 10_000; pence += 1) {
      expect(parsePrice(formatMoney(pence, 'GBP').replace(' GBP', ''), 2)).toBe(pence);
    }
  });

  it('is written with its currency', () => {
    expect(formatMoney(5, 'GBP')).toBe('0.05 GBP');
    expect(formatMoney(-1_234, 'GBP')).toBe('-12.34 GBP');
    expect(formatMoney(120, 'JPY')).toBe('120 JPY');
    expect(formatMoney(9_007_199_254_740_991, 'GBP')).toBe('90071992547409.91 GBP');
  });
});
