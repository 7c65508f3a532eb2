import type { Command } from '@recourse/contracts/commands';
import type { DomainEvent, EventData } from '@recourse/contracts/events';
import { assertNever } from '@recourse/infra/assert-never';
import type { Decider } from '@recourse/infra/decider';

/** Where an order stands, for those who decide about it; what was ordered stands in its OrderCreated. */
export type Order =
  | { readonly status: 'none' }
  | { readonly status: 'open'; readonly cancellationRequested: boolean }
  | { readonly status: 'completed' }
  | { readonly status: 'cancelled' };

/** What the order decider obeys: a caller's wishes and the saga's two ends. */
export type OrderCommand =
  | { readonly type: 'CreateOrder'; readonly data: EventData['OrderCreated'] }
  | { readonly type: 'RequestCancellation' }
  | Command<'CompleteOrder' | 'CancelOrder'>;

/** What stands in `order-<id>`. */
export type OrderEvent = DomainEvent<
  'OrderCreated' | 'OrderCancellationRequested' | 'OrderCompleted' | 'OrderCancelled'
>;

/** One order: created once, cancellation requested at most once, and one end that nothing changes any more. */
export const order: Decider<Order, OrderCommand, OrderEvent> = {
  initial: { status: 'none' },

  decide: (command, state) => {
    switch (command.type) {
      case 'CreateOrder':
        return state.status === 'none' ? [{ type: 'OrderCreated', data: command.data }] : [];
      case 'RequestCancellation':
        // Whether it comes in time is for the saga to find out: it alone knows where the parcel is.
        return state.status === 'open' && !state.cancellationRequested
          ? [{ type: 'OrderCancellationRequested', data: {} }]
          : [];
      case 'CompleteOrder': {
        if (state.status === 'completed') return [];
        if (state.status !== 'open') throw impossible(command.type, state);
        const cancellationRefused = state.cancellationRequested;
        return [{ type: 'OrderCompleted', data: { commandId: command.id, cancellationRefused } }];
      }
      case 'CancelOrder': {
        if (state.status === 'cancelled') return [];
        if (state.status !== 'open') throw impossible(command.type, state);
        const { because } = command.data;
        return [{ type: 'OrderCancelled', data: { commandId: command.id, because } }];
      }
      default:
        return assertNever(command);
    }
  },

  evolve: (state, event) => {
    switch (event.type) {
      case 'OrderCreated':
        return { status: 'open', cancellationRequested: false };
      case 'OrderCancellationRequested':
        return state.status === 'open' ? { status: 'open', cancellationRequested: true } : state;
      case 'OrderCompleted':
        return { status: 'completed' };
      case 'OrderCancelled':
        return { status: 'cancelled' };
      default:
        return assertNever(event);
    }
  },
};

/** The saga ends an order that exists, in one way: anything else is a bug, and its message a dead letter. */
const impossible = (command: string, state: Order) =>
  new Error(`${command} on an order that is ${state.status}`);
