import { z } from 'zod';

/** Money is an integer of minor units (pence, cents) and a currency beside it. Never a float. */

/** The largest amount, 2^53 − 1: every integer up to it is exact in JSON and in JavaScript. */
export const amountMax = Number.MAX_SAFE_INTEGER;

/** An amount in minor units: 0 to 2^53 − 1. */
export const Amount = z.int().min(0).max(amountMax).meta({ description: 'In minor units of the currency.' });

const currencies = new Set(Intl.supportedValuesOf('currency'));

/** An ISO 4217 code in capitals. */
export const Currency = z
  .string()
  .refine((code) => currencies.has(code), { error: 'must be an ISO 4217 currency code in capitals' })
  .meta({ examples: ['GBP'] });
export type Currency = z.infer<typeof Currency>;

/** One line of an order: a SKU may stand in several lines. */
type Line = { readonly quantity: number; readonly unitPrice: number };

/** The sum of quantity × unit price in minor units, or `undefined` where it passes 2^53 − 1. */
export const totalOf = (lines: readonly Line[]): number | undefined => {
  let total = 0;
  for (const { quantity, unitPrice } of lines) {
    const amount = quantity * unitPrice;
    if (amount > amountMax || total + amount > amountMax) return undefined;
    total += amount;
  }
  return total;
};
