import type { Sku } from '@recourse/contracts/ids';
import { StartError } from '@recourse/infra/errors';
import { uuidV5 } from '@recourse/infra/event-id';
import type { Client } from '../client.ts';
import type { Invoice } from './invoices.ts';
import { inParallel, refusalOf, type Send } from './patience.ts';

/** A share as an exact fraction: floats would round 0.1 × 30 up to 4. */
export type Share = { readonly numerator: bigint; readonly denominator: bigint };

const shareText = /^(\d{1,4})(?:\.(\d{1,6}))?$/;

/** Reads a share such as `1`, `0.9` or `1.25`: at most six decimals; undefined where it is none. */
export const parseShare = (text: string): Share | undefined => {
  const match = shareText.exec(text);
  if (match === null) return undefined;
  const [, whole = '', fraction = ''] = match;
  return { numerator: BigInt(whole + fraction), denominator: 10n ** BigInt(fraction.length) };
};

/** That share of a demand, rounded up. */
export const shareOf = ({ numerator, denominator }: Share, demand: number): number =>
  Number((BigInt(demand) * numerator + denominator - 1n) / denominator);

/** The most pieces that one receipt may hold. */
const receiptMax = 1_000_000_000;

/** What is to be taken in: the share of each SKU's demand. Throws `StartError` where one would not fit a receipt. */
export const stockFor = (invoices: readonly Invoice[], share: Share): ReadonlyMap<Sku, number> => {
  const demand = new Map<Sku, number>();
  for (const { lines } of invoices) {
    for (const { sku, quantity } of lines) demand.set(sku, (demand.get(sku) ?? 0) + quantity);
  }
  const stock = new Map<Sku, number>();
  for (const [sku, pieces] of demand) {
    const quantity = shareOf(share, pieces);
    if (quantity > receiptMax) {
      throw new StartError(
        'stock-too-large',
        `${JSON.stringify(sku)} would need ${quantity} pieces, and a receipt holds at most ${receiptMax}: choose a smaller --stock-share. Nothing was sent.`,
      );
    }
    if (quantity > 0) stock.set(sku, quantity);
  }
  return stock;
};

/** What came of the receipts. `otherShare`: this file's stock had been taken in before, with another share. */
export type Received = { skus: number; pieces: number; otherShare: number };

const receiptKeys = '2b1d5c0e-9f6a-5e43-8d52-5f7e0c4a9b36';

/** Takes stock in; the keys come from the file's hash and the SKU, so that it comes in once however often this runs. */
export const receiveStock = async (
  client: Client,
  send: Send,
  stock: ReadonlyMap<Sku, number>,
  fileHash: string,
  concurrency: number,
): Promise<Received> => {
  const received: Received = { skus: 0, pieces: 0, otherShare: 0 };
  await inParallel([...stock], concurrency, async ([sku, quantity]) => {
    const answer = await send('POST', `/inventory/${encodeURIComponent(sku)}/receipts`, {
      body: { quantity },
      headers: { 'idempotency-key': uuidV5(receiptKeys, `${fileHash}\n${sku}`) },
    });
    if (answer.status >= 200 && answer.status <= 299) {
      received.skus += 1;
      received.pieces += quantity;
      return;
    }
    const { code, detail } = refusalOf(client, answer);
    if (code !== 'idempotency-key-reused') {
      throw new StartError(
        code,
        `The receipt of ${quantity} of ${JSON.stringify(sku)} was refused: ${detail} (${code})`,
      );
    }
    received.otherShare += 1;
  });
  return received;
};
