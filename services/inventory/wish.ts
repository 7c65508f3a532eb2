import type { CommandId, EventId, OrderId, ReceiptId } from '@recourse/contracts/ids';
import { assertNever } from '@recourse/infra/assert-never';
import { uuidV5 } from '@recourse/infra/event-id';
import type { NewEvent } from '@recourse/infra/ports/event-log';
import { ownerOf, type Shelf, type StockEvent, type StockRecord, type Trace } from './shelf.ts';

/** A change of one SKU's stock that somebody waits for. `since`: nothing of its owner stands up to this revision. */
export type Wish =
  | {
      readonly type: 'StockTaken';
      readonly orderId: OrderId;
      /** The ReserveInventory that reserves. */
      readonly reserveId: CommandId;
      readonly quantity: number;
      readonly since: number;
    }
  | {
      readonly type: 'StockReturned';
      readonly orderId: OrderId;
      readonly reserveId: CommandId;
      /** The command that gives it back. */
      readonly causation: CommandId;
      /** What was taken; undefined where the stream has to tell, from `since` on. */
      readonly taken: number | undefined;
      readonly since: number;
    }
  | {
      readonly type: 'StockReceived';
      readonly receiptId: ReceiptId;
      readonly quantity: number;
      readonly since: number;
    };

/** How a wish ends. A take ends as `returned` where its reservation was given back meanwhile: it must stop. */
export type Answer =
  | { readonly type: 'taken' }
  | { readonly type: 'short'; readonly onHand: number }
  | { readonly type: 'returned' }
  | { readonly type: 'received'; readonly onHand: number; readonly revision: number };

/** The order or the receipt of a wish. */
export const wisher = (wish: Wish): string => (wish.type === 'StockReceived' ? wish.receiptId : wish.orderId);

/** What the stream says to a wish already; undefined where it has yet to be written. */
export const answerIn = (trace: Trace | undefined, wish: Wish): Answer | undefined => {
  if (trace === undefined) return undefined;
  switch (wish.type) {
    case 'StockTaken':
      if (trace.returned) return { type: 'returned' };
      return trace.taken === undefined ? undefined : { type: 'taken' };
    case 'StockReturned':
      return trace.returned ? { type: 'returned' } : undefined;
    case 'StockReceived':
      return trace.received && { type: 'received', ...trace.received };
    default:
      return assertNever(wish);
  }
};

/** The answer that a record is to the wish it was written for. */
export const answerBy = (record: StockRecord): Answer => {
  switch (record.type) {
    case 'StockTaken':
      return { type: 'taken' };
    case 'StockReturned':
      return { type: 'returned' };
    case 'StockReceived':
      return { type: 'received', onHand: record.data.onHand, revision: record.revision };
    default:
      return assertNever(record);
  }
};

/** The event that fulfils a wish on so much stock, or `short`. `taken`: what the stream holds for its order. */
export const fulfil = (wish: Wish, taken: number | undefined, onHand: number): StockEvent | 'short' => {
  switch (wish.type) {
    case 'StockTaken': {
      const { orderId, quantity } = wish;
      if (onHand < quantity) return 'short';
      return { type: 'StockTaken', data: { orderId, quantity, onHand: onHand - quantity } };
    }
    case 'StockReturned': {
      const quantity = wish.taken ?? taken ?? 0;
      return { type: 'StockReturned', data: { orderId: wish.orderId, quantity, onHand: onHand + quantity } };
    }
    case 'StockReceived': {
      const { receiptId, quantity } = wish;
      return { type: 'StockReceived', data: { receiptId, quantity, onHand: onHand + quantity } };
    }
    default:
      return assertNever(wish);
  }
};

/**
 * The event of a wish, ready to be appended. Its id is made of the reservation (or receipt), its type and the SKU, not
 * of its data: the on-hand that results may differ from one attempt to the next, the record is the same one. A
 * reservation returns a SKU once, whoever does it, so a return has one id too.
 */
export const stampWish = (wish: Wish, shelf: Shelf, event: StockEvent): NewEvent<StockEvent['type']> => {
  const cause = wish.type === 'StockReceived' ? wish.receiptId : wish.reserveId;
  return {
    ...event,
    id: uuidV5(cause, `${event.type}:${shelf.sku}`) as EventId,
    correlation: ownerOf(event),
    causation: wish.type === 'StockReturned' ? wish.causation : cause,
  };
};
