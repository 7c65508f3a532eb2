import { amountMax } from '@recourse/contracts/money';

/** Money between people, who write `2.55`, and Recourse, which counts minor units. Digits only, never floats. */

/** How many decimals a currency has: 2 for GBP, 0 for JPY. Throws `RangeError` on what is no currency code. */
export const decimalsOf = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;

/** Why a text is no price. */
export type PriceFault =
  | 'price-not-a-number'
  | 'price-negative'
  | 'price-zero'
  | 'price-too-fine'
  | 'price-too-large';

const decimal = /^(-?)(\d{1,30})(?:\.(\d{1,30}))?$/;

/** A price as people write it in minor units, exactly, from 1 to 2^53 − 1; or why it is none. */
export const parsePrice = (text: string, decimals: number): number | PriceFault => {
  const match = decimal.exec(text);
  if (match === null) return 'price-not-a-number';
  const [, minus, whole = '', fraction = ''] = match;
  if (/^0*$/.test(whole + fraction)) return 'price-zero';
  if (minus === '-') return 'price-negative';
  if (!/^0*$/.test(fraction.slice(decimals))) return 'price-too-fine';
  const minor = BigInt(whole + fraction.slice(0, decimals).padEnd(decimals, '0'));
  return minor > BigInt(amountMax) ? 'price-too-large' : Number(minor);
};

/** An amount in minor units as people write it, with its currency: `2.55 GBP`. */
export const formatMoney = (minor: number, currency: string): string => {
  const decimals = decimalsOf(currency);
  if (decimals === 0) return `${minor} ${currency}`;
  const digits = String(Math.abs(minor)).padStart(decimals + 1, '0');
  const sign = minor < 0 ? '-' : '';
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)} ${currency}`;
};
