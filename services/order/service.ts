import type { EventData } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { deciderStore, type Loaded } from '@recourse/infra/decider';
import { ConflictError } from '@recourse/infra/errors';
import type { ConsumerGroup, Message } from '@recourse/infra/ports/broker';
import { type EventLog, noStream } from '@recourse/infra/ports/event-log';
import { type Order, type OrderEvent, order } from './order.ts';

/** Whether `create` made the order, and where it stands in the log; or met one there, and then which. */
export type Created =
  | { readonly created: true; readonly position: number }
  | { readonly created: false; readonly order: EventData['OrderCreated'] };

/** The participant `order`: the API creates orders and asks to cancel them, the saga ends them. */
export type OrderService = {
  readonly group: ConsumerGroup;
  /**
   * Creates the order unless its stream exists. The same order from the same cause is a repeat of one append: it
   * counts as created, at the position where it stands.
   */
  create(orderId: OrderId, data: EventData['OrderCreated'], causation: string): Promise<Created>;
  /** Records the wish once; resolves with the order as it then is: `none` where there is no such order. */
  requestCancellation(orderId: OrderId, causation: string): Promise<Loaded<Order>>;
  /** The order as it is now. */
  load(orderId: OrderId): Promise<Loaded<Order>>;
};

/** Wires the order decider to the log. Every method rejects as the log does. */
export const orderService = ({ log }: { readonly log: EventLog }): OrderService => {
  const store = deciderStore(log, 'order', order);

  /**
   * What memory says of an order that has ended is for ever; of any other it may be stale where another process
   * writes too. That is fenced where an append follows, and only there: who answers from it reads the log instead.
   */
  const load = async (orderId: OrderId) => {
    const known = await store.load(orderId);
    if (known.state.status === 'completed' || known.state.status === 'cancelled') return known;
    store.forget(orderId);
    return store.load(orderId);
  };

  return {
    load,

    group: {
      group: 'order',
      topics: ['order.commands'],
      handle: async (message: Message) => {
        if (message.type !== 'CompleteOrder' && message.type !== 'CancelOrder')
          throw new Error(`order.commands does not carry ${message.type}`);
        // A remembered `none` may be from before the order was created, and is not fenced where the decider throws.
        if ((await store.load(message.key)).state.status === 'none') store.forget(message.key);
        await store.handle(message.key, message, message.id);
      },
      onAssigned: async () => store.forget(),
    },

    create: async (orderId, data, causation) => {
      const nothing = { state: order.initial, revision: noStream };
      const events: OrderEvent[] = [...order.decide({ type: 'CreateOrder', data }, nothing.state)];
      try {
        const { position } = await store.append(orderId, nothing, events, causation);
        return { created: true, position: position! };
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        // The stream exists, so its first record is the order: it is kept there and not in memory.
        const [first] = await log.readStream(orderStream('order', orderId), { max: 1 });
        if (first?.type !== 'OrderCreated') throw error;
        return { created: false, order: first.data };
      }
    },

    requestCancellation: async (orderId, causation) => {
      const before = await load(orderId);
      if (before.state.status !== 'open') return before;
      return store.handle(orderId, { type: 'RequestCancellation' }, causation);
    },
  };
};
