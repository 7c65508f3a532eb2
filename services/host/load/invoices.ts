import { type OrderLine, Quantity } from '@recourse/contracts/events';
import { Country, CustomerId, Sku } from '@recourse/contracts/ids';
import { decimalsOf, type PriceFault, parsePrice } from '../money.ts';
import type { Column, Row } from './read-rows.ts';

/** Makes orders of a shop's rows: rows of one invoice are one order, wherever they stand in the file. */

/** Why a row is dropped. */
export type RowFault =
  | PriceFault
  | 'field-count'
  | 'invoice-not-printable'
  | 'sku-not-printable'
  | 'quantity-not-a-whole-number'
  | 'quantity-not-positive'
  | 'quantity-too-large'
  | 'customer-not-printable'
  | 'country-not-printable'
  | 'another-customer'
  | 'another-country';

/** What each fault means. */
export const rowFaults: Record<RowFault, string> = {
  'field-count': 'it has not as many fields as the first line',
  'invoice-not-printable': 'InvoiceNo is empty, longer than 64 characters, or not printable',
  'sku-not-printable': 'StockCode is empty, longer than 64 characters, or not printable',
  'quantity-not-a-whole-number': 'Quantity is no whole number',
  'quantity-not-positive': 'Quantity is zero or negative',
  'quantity-too-large': 'Quantity is above 1,000,000,000',
  'price-not-a-number': 'UnitPrice is no decimal number',
  'price-negative': 'UnitPrice is negative',
  'price-zero': 'UnitPrice is zero',
  'price-too-fine': 'UnitPrice has more decimals than the currency',
  'price-too-large': 'UnitPrice is above 2^53 − 1 minor units',
  'customer-not-printable': 'CustomerID is longer than 128 characters, or not printable',
  'country-not-printable': 'Country is empty, longer than 64 characters, or not printable',
  'another-customer': 'CustomerID is not that of the invoice’s first row',
  'another-country': 'Country is not that of the invoice’s first row',
};

/** A row that was dropped. */
export type Reject = { readonly line: number; readonly invoice: string; readonly reason: RowFault };

/** One order to place. No customer is a guest. */
export type Invoice = {
  readonly number: string;
  readonly customerId: CustomerId | undefined;
  readonly country: string;
  readonly lines: OrderLine[];
};

/** What a file holds. */
export type Invoices = {
  readonly rows: number;
  /** Invoices with at least one good row, in the order in which they begin. */
  readonly invoices: readonly Invoice[];
  /** Numbers of the invoices without one. */
  readonly emptied: readonly string[];
  /** Invoices that begin with C: goods that came back. No saga handles them yet. */
  readonly returns: { readonly invoices: number; readonly rows: number };
  readonly rejects: readonly Reject[];
};

/** Takes a file's rows one by one, and says in the end what they are. */
export const invoiceReader = (currency: string) => {
  const decimals = decimalsOf(currency);
  const seen = new Map<string, Invoice | undefined>();
  const returned = new Set<string>();
  const rejects: Reject[] = [];
  let rows = 0;
  let returnRows = 0;

  const add = (fields: Fields): RowFault | undefined => {
    const number = fields.InvoiceNo;
    const read = readFields(fields, decimals);
    const before = seen.get(number);
    if (typeof read === 'string') {
      if (before === undefined) seen.set(number, undefined);
      return read;
    }
    const { customerId, country, line } = read;
    if (before === undefined) {
      seen.set(number, { number, customerId, country, lines: [line] });
      return undefined;
    }
    if (before.customerId !== customerId) return 'another-customer';
    if (before.country !== country) return 'another-country';
    before.lines.push(line);
    return undefined;
  };

  return {
    take: ({ line, fields }: Row): void => {
      rows += 1;
      if (fields === undefined) {
        rejects.push({ line, invoice: '', reason: 'field-count' });
        return;
      }
      const invoice = fields.InvoiceNo;
      if (invoice.startsWith('C')) {
        returned.add(invoice);
        returnRows += 1;
        return;
      }
      const fault = Sku.safeParse(invoice).success ? add(fields) : 'invoice-not-printable';
      if (fault !== undefined) rejects.push({ line, invoice, reason: fault });
    },
    result: (): Invoices => ({
      rows,
      invoices: [...seen.values()].filter((invoice) => invoice !== undefined),
      emptied: [...seen].filter(([, invoice]) => invoice === undefined).map(([number]) => number),
      returns: { invoices: returned.size, rows: returnRows },
      rejects,
    }),
  };
};

type Fields = Readonly<Record<Column, string>>;

/** Whole numbers that went through a spreadsheet come as `17850.0`: the same number. */
const whole = (text: string) => text.replace(/^(-?\d+)\.0+$/, '$1');

const quantityMax = Quantity.maxValue ?? Number.MAX_SAFE_INTEGER;

const readFields = (fields: Fields, decimals: number) => {
  const sku = Sku.safeParse(fields.StockCode);
  if (!sku.success) return 'sku-not-printable';
  const quantityText = whole(fields.Quantity);
  if (!/^-?\d{1,30}$/.test(quantityText)) return 'quantity-not-a-whole-number';
  const quantity = Number(quantityText);
  if (quantity <= 0) return 'quantity-not-positive';
  if (quantity > quantityMax) return 'quantity-too-large';
  const unitPrice = parsePrice(fields.UnitPrice, decimals);
  if (typeof unitPrice === 'string') return unitPrice;
  const customer = whole(fields.CustomerID);
  if (customer !== '' && !CustomerId.safeParse(customer).success) return 'customer-not-printable';
  if (!Country.safeParse(fields.Country).success) return 'country-not-printable';
  return {
    customerId: customer === '' ? undefined : (customer as CustomerId),
    country: fields.Country,
    line: { sku: sku.data, quantity, unitPrice },
  };
};
