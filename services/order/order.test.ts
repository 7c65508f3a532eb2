import { describe, expect, it } from '@jest/globals';
import type { CommandId, CustomerId, PaymentToken, Sku } from '@recourse/contracts/ids';
import { type Order, type OrderCommand, type OrderEvent, order } from './order.ts';

const complete = '00000000-0000-4000-8000-00000000000a' as CommandId;
const cancel = '00000000-0000-4000-8000-00000000000b' as CommandId;

const created: OrderEvent = {
  type: 'OrderCreated',
  data: {
    customerId: 'C1' as CustomerId,
    currency: 'GBP',
    country: 'France',
    paymentToken: 'tok_accepted' as PaymentToken,
    lines: [{ sku: 'A' as Sku, quantity: 2, unitPrice: 250 }],
    total: 500,
    bodyHash: 'hash',
  },
};
const requested: OrderEvent = { type: 'OrderCancellationRequested', data: {} };
const completed = (cancellationRefused: boolean): OrderEvent => ({
  type: 'OrderCompleted',
  data: { commandId: complete, cancellationRefused },
});
const cancelled: OrderEvent = {
  type: 'OrderCancelled',
  data: { commandId: cancel, because: 'customer-cancelled' },
};

const histories = {
  'no order': [],
  'an open order': [created],
  'an order whose cancellation was requested': [created, requested],
  'a completed order': [created, completed(false)],
  'an order completed in spite of a request': [created, requested, completed(true)],
  'a cancelled order': [created, cancelled],
} satisfies Record<string, OrderEvent[]>;

const commands = {
  CreateOrder: { type: 'CreateOrder', data: created.data },
  RequestCancellation: { type: 'RequestCancellation' },
  CompleteOrder: { type: 'CompleteOrder', id: complete, data: {} },
  CancelOrder: { type: 'CancelOrder', id: cancel, data: { because: 'customer-cancelled' } },
} satisfies Record<string, OrderCommand>;

const nothing: OrderEvent[] = [];

const table: Record<keyof typeof histories, Record<keyof typeof commands, OrderEvent[] | 'throws'>> = {
  'no order': {
    CreateOrder: [created],
    RequestCancellation: nothing,
    CompleteOrder: 'throws',
    CancelOrder: 'throws',
  },
  'an open order': {
    CreateOrder: nothing,
    RequestCancellation: [requested],
    CompleteOrder: [completed(false)],
    CancelOrder: [cancelled],
  },
  'an order whose cancellation was requested': {
    CreateOrder: nothing,
    RequestCancellation: nothing,
    CompleteOrder: [completed(true)],
    CancelOrder: [cancelled],
  },
  'a completed order': {
    CreateOrder: nothing,
    RequestCancellation: nothing,
    CompleteOrder: nothing,
    CancelOrder: 'throws',
  },
  'an order completed in spite of a request': {
    CreateOrder: nothing,
    RequestCancellation: nothing,
    CompleteOrder: nothing,
    CancelOrder: 'throws',
  },
  'a cancelled order': {
    CreateOrder: nothing,
    RequestCancellation: nothing,
    CompleteOrder: 'throws',
    CancelOrder: nothing,
  },
};

const fold = (events: readonly OrderEvent[]): Order => events.reduce(order.evolve, order.initial);

describe('the order decider', () => {
  for (const [history, row] of Object.entries(table) as [
    keyof typeof histories,
    (typeof table)['no order'],
  ][])
    for (const [command, expected] of Object.entries(row) as [
      keyof typeof commands,
      OrderEvent[] | 'throws',
    ][]) {
      const decides =
        expected === 'throws' ? 'is a bug' : expected.map(({ type }) => type).join(', ') || 'nothing';
      it(`given ${history}, when ${command}, then ${decides}`, () => {
        const decide = () => order.decide(commands[command], fold(histories[history]));
        if (expected === 'throws') expect(decide).toThrow(`${command} on an order that is`);
        else expect(decide()).toEqual(expected);
      });
    }
});
