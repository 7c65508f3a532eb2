import { Order } from '@recourse/contracts/http';
import { uuidV5 } from '@recourse/infra/event-id';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { z } from 'zod';
import type { Client } from '../client.ts';
import type { Invoice } from './invoices.ts';
import { inParallel, refusalOf, type Send, succeeded } from './patience.ts';

/** What became of an invoice's order. `ms`: from the first POST to the end; none where the order was known before. */
export type Outcome =
  | { readonly kind: 'refused'; readonly invoice: string; readonly reason: string; readonly detail: string }
  | {
      readonly kind: 'ended';
      readonly invoice: string;
      readonly state: 'completed' | 'cancelled';
      readonly because: string | null;
      readonly ms: number | undefined;
    };

/** How orders are placed. */
export type PlaceOptions = {
  readonly client: Client;
  readonly send: Send;
  readonly clock: Clock;
  readonly currency: string;
  readonly paymentToken: string;
  readonly concurrency: number;
  readonly onOutcome: (outcome: Outcome) => void;
};

/** An order that had not ended when its POST was answered. */
type Open = {
  readonly path: string;
  readonly invoice: string;
  readonly known: boolean;
  readonly aheadMs: number;
};

const waitSeconds = 5;
const lookAgainMs = 500;
const looksMax = 8;

/** What of an order's answer is read here. */
const Told = z.object({
  orderId: Order.shape.orderId,
  state: Order.shape.state,
  because: Order.shape.because,
  createdAt: Order.shape.createdAt,
  endedAt: Order.shape.endedAt,
});

/**
 * Places an order for each invoice and waits until every one that was accepted has ended. A POST waits a few seconds
 * for the end; whatever takes longer is looked at again, so that it keeps none of the others from being placed.
 */
export const placeOrders = async (invoices: readonly Invoice[], options: PlaceOptions): Promise<void> => {
  const { client, send, clock, onOutcome } = options;
  const beganAt = clock.now();
  const open = new Set<Open>();
  let allPlaced = false;

  const ended = (it: z.infer<typeof Told>, invoice: string, ms: number | undefined) => {
    if (it.state !== 'completed' && it.state !== 'cancelled') return false;
    onOutcome({ kind: 'ended', invoice, state: it.state, because: it.because, ms });
    return true;
  };

  const place = async (invoice: Invoice) => {
    const sentAt = clock.monotonic();
    const answer = await send('POST', '/orders', {
      body: requestOf(invoice, options),
      headers: { 'idempotency-key': keyOf(invoice.number), prefer: `wait=${waitSeconds}` },
    });
    const tookMs = clock.monotonic() - sentAt;
    if (answer.status < 200 || answer.status > 299) {
      const { code, detail } = refusalOf(client, answer);
      return onOutcome({ kind: 'refused', invoice: invoice.number, reason: code, detail });
    }
    const told = Told.parse(answer.body);
    const known = Date.parse(told.createdAt) < beganAt;
    if (ended(told, invoice.number, known ? undefined : tookMs)) return;
    // Times of the server's clock are only compared with each other: what is added is how long it took to get in.
    const openMs = Math.min(tookMs, waitSeconds * 1_000);
    open.add({ path: `/orders/${told.orderId}`, invoice: invoice.number, known, aheadMs: tookMs - openMs });
  };

  const look = async (it: Open) => {
    const told = Told.parse(succeeded(client, await send('GET', it.path)).body);
    const openMs = Date.parse(told.endedAt ?? told.createdAt) - Date.parse(told.createdAt);
    if (ended(told, it.invoice, it.known ? undefined : it.aheadMs + openMs)) open.delete(it);
  };

  const lookUntilAllEnded = async () => {
    while (!allPlaced || open.size > 0) {
      await sleep(clock, lookAgainMs);
      await inParallel([...open], looksMax, look);
    }
  };

  const placed = inParallel(invoices, options.concurrency, place).finally(() => {
    allPlaced = true;
  });
  await Promise.all([placed, placed.catch(() => open.clear()), lookUntilAllEnded()]);
};

const requestOf = ({ customerId, country, lines }: Invoice, { currency, paymentToken }: PlaceOptions) => ({
  ...(customerId !== undefined && { customerId }),
  currency,
  country,
  paymentToken,
  lines,
});

const invoiceKeys = '8c4f1a52-3d0b-5b7c-a1e6-7d9f2e6b4c80';

/** The Idempotency-Key of an invoice: readable where its number may stand in a header. */
const keyOf = (number: string): string =>
  /^[\x21-\x7e]+$/.test(number) ? `invoice-${number}` : `invoice-${uuidV5(invoiceKeys, number)}`;
