import type { DomainEvent, EventData } from '@recourse/contracts/events';
import type { ReceiptId, Sku } from '@recourse/contracts/ids';
import { receiptStream } from '@recourse/contracts/streams';
import { ConflictError } from '@recourse/infra/errors';
import { stamp } from '@recourse/infra/event-id';
import { type EventLog, noStream } from '@recourse/infra/ports/event-log';
import { hold, letGo } from './shelf.ts';
import type { Stock } from './stock.ts';

/** Goods that came in. The same `receiptId` is the same delivery, however often it is reported. */
export type Receipt = { readonly receiptId: ReceiptId; readonly sku: Sku; readonly quantity: number };

/** What a receipt made of the stock when it was recorded: the on-hand after it, and its place in the SKU's stream. */
export type Received = { readonly onHand: number; readonly revision: number };

/** A receipt's id came again with another SKU or another quantity. Nothing was recorded. */
export class ReceiptReusedError extends Error {
  override readonly name = 'ReceiptReusedError';
  readonly code = 'receipt-reused';
  /** What the id stands for. */
  readonly recorded: { readonly sku: Sku; readonly quantity: number };
  constructor({ receiptId }: Receipt, recorded: { readonly sku: Sku; readonly quantity: number }) {
    super(`receipt ${receiptId} is ${recorded.quantity} of ${recorded.sku} already`);
    this.recorded = recorded;
  }
}

type Started = EventData['ReceiptStarted'];

/**
 * Takes goods into stock: the intent in the receipt's own stream, with the head of the SKU's stream noted, then
 * StockReceived there. A repeat goes on where the first ended, or answers what it answered.
 */
export const receipts = (log: EventLog, stock: Stock) => {
  /** The intent as it stands in the receipt's stream: this one, or the one that was there before. */
  const start = async ({ receiptId }: Receipt, data: Started): Promise<Started> => {
    const started: DomainEvent = { type: 'ReceiptStarted', data };
    const stream = receiptStream(receiptId);
    try {
      await log.append(stream, noStream, stamp([started], receiptId, receiptId));
      return data;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const [first] = await log.readStream(stream, { max: 1 });
      if (first?.type !== 'ReceiptStarted') throw error;
      return first.data;
    }
  };

  return async (receipt: Receipt): Promise<Received> => {
    const { receiptId, sku, quantity } = receipt;
    const counter = await stock.find(sku);
    stock.adopt(counter);
    hold(counter);
    try {
      const started = await start(receipt, { sku, quantity, revision: counter.revision });
      if (started.sku !== sku || started.quantity !== quantity)
        throw new ReceiptReusedError(receipt, started);
      const since = started.revision;
      const answer = await stock.ask(counter, { type: 'StockReceived', receiptId, quantity, since });
      if (answer.type !== 'received') throw new Error(`receipt ${receiptId} was answered ${answer.type}`);
      return { onHand: answer.onHand, revision: answer.revision };
    } finally {
      letGo(counter);
    }
  };
};
