import { existsSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { invoiceReader } from './invoices.ts';
import { type Column, readRows } from './read-rows.ts';
import { shareOf, stockFor } from './receive.ts';

const good: Record<Column, string> = {
  InvoiceNo: '536365',
  StockCode: '85123A',
  Quantity: '6',
  UnitPrice: '2.55',
  CustomerID: '17850.0',
  Country: 'United Kingdom',
};

const read = (...rows: (Partial<Record<Column, string>> | undefined)[]) => {
  const reader = invoiceReader('GBP');
  for (const [i, row] of rows.entries()) reader.take({ line: i + 2, fields: row && { ...good, ...row } });
  return reader.result();
};

describe('rows of a shop', () => {
  it('of one invoice are one order, wherever they stand', () => {
    const { invoices } = read(
      { InvoiceNo: '1', StockCode: 'A' },
      { InvoiceNo: '2' },
      { InvoiceNo: '1', StockCode: 'B' },
    );
    expect(invoices.map(({ number, lines }) => [number, lines.map(({ sku }) => sku)])).toEqual([
      ['1', ['A', 'B']],
      ['2', ['85123A']],
    ]);
  });

  it('become lines with whole pieces and minor units', () => {
    expect(read({}).invoices).toEqual([
      {
        number: '536365',
        customerId: '17850',
        country: 'United Kingdom',
        lines: [{ sku: '85123A', quantity: 6, unitPrice: 255 }],
      },
    ]);
  });

  it('without a customer are a guest’s', () => {
    expect(read({ CustomerID: '' }).invoices[0]?.customerId).toBeUndefined();
  });

  it('whose invoice begins with C are returns', () => {
    const { invoices, returns, rejects } = read(
      { InvoiceNo: 'C1', Quantity: '-1' },
      { InvoiceNo: 'C1' },
      { InvoiceNo: 'C2' },
    );
    expect({ invoices, returns, rejects }).toEqual({
      invoices: [],
      returns: { invoices: 2, rows: 3 },
      rejects: [],
    });
  });

  it.each([
    [undefined, 'field-count'],
    [{ InvoiceNo: '' }, 'invoice-not-printable'],
    [{ StockCode: '' }, 'sku-not-printable'],
    [{ StockCode: 'a\u0007' }, 'sku-not-printable'],
    [{ StockCode: 'x'.repeat(65) }, 'sku-not-printable'],
    [{ Quantity: 'six' }, 'quantity-not-a-whole-number'],
    [{ Quantity: '1.5' }, 'quantity-not-a-whole-number'],
    [{ Quantity: '' }, 'quantity-not-a-whole-number'],
    [{ Quantity: '0' }, 'quantity-not-positive'],
    [{ Quantity: '-3' }, 'quantity-not-positive'],
    [{ Quantity: '1000000001' }, 'quantity-too-large'],
    [{ UnitPrice: '0.0' }, 'price-zero'],
    [{ UnitPrice: '-1.0' }, 'price-negative'],
    [{ UnitPrice: 'free' }, 'price-not-a-number'],
    [{ CustomerID: 'x'.repeat(129) }, 'customer-not-printable'],
    [{ Country: '' }, 'country-not-printable'],
  ])('like %j are dropped with their line and the reason %s', (row, reason) => {
    const { rejects, invoices } = read({ InvoiceNo: 'good' }, row);
    expect(rejects).toEqual([
      { line: 3, invoice: row === undefined ? '' : { ...good, ...row }.InvoiceNo, reason },
    ]);
    expect(invoices.map(({ number }) => number)).toEqual(['good']);
  });

  it('that contradict their invoice’s first good row are dropped', () => {
    const { rejects, invoices } = read(
      { UnitPrice: '0', Country: 'Spain' },
      {},
      { Country: 'France' },
      { CustomerID: '' },
    );
    expect(rejects.map(({ line, reason }) => [line, reason])).toEqual([
      [2, 'price-zero'],
      [4, 'another-country'],
      [5, 'another-customer'],
    ]);
    expect(invoices[0]?.lines).toHaveLength(1);
  });

  it('leave their invoice empty only where none is left', () => {
    const { emptied, invoices } = read(
      { InvoiceNo: '1', Quantity: '0' },
      { InvoiceNo: '2', Quantity: '0' },
      { InvoiceNo: '2' },
    );
    expect(emptied).toEqual(['1']);
    expect(invoices.map(({ number }) => number)).toEqual(['2']);
  });
});

const realFile = new URL('../../../../shared/data/online-retail/2010-12.csv.gz', import.meta.url).pathname;
const withRealFile = existsSync(realFile) ? it : it.skip;
const where = existsSync(realFile)
  ? ''
  : ' (skipped: ../shared/data/online-retail/2010-12.csv.gz is not there)';

describe(`a real December${where}`, () => {
  withRealFile(
    'has 42,481 lines, 1,699 invoices and 326 cancellations, and every row is accounted for',
    async () => {
      const reader = invoiceReader('GBP');
      await readRows(realFile, reader.take);
      const { rows, invoices, emptied, returns, rejects } = reader.result();
      expect(rows).toBe(42_481);
      expect(invoices.length + emptied.length).toBe(1_699);
      expect(returns.invoices).toBe(326);
      const lines = invoices.reduce((sum, invoice) => sum + invoice.lines.length, 0);
      expect(lines + returns.rows + rejects.length).toBe(rows);
      expect(new Set(rejects.map(({ reason }) => reason))).toEqual(
        new Set(['price-zero', 'quantity-not-positive']),
      );

      const demand = invoices
        .flatMap((invoice) => invoice.lines)
        .reduce((sum, { quantity }) => sum + quantity, 0);
      const whole = { numerator: 1n, denominator: 1n };
      const stock = [...stockFor(invoices, whole).values()].reduce((sum, pieces) => sum + pieces, 0);
      expect(stock).toBe(demand);
      expect(shareOf(whole, demand)).toBe(demand);
    },
  );
});
