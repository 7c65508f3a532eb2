import { always, ask, because, cancelNoted, cancelTo, chart, forEver, untilUsedUp } from './chart-parts.ts';

/**
 * The statechart `order-saga`, version 1: the money is taken first.
 *
 * Forward: paying → reserving → shipping → completing → completed. Back, from wherever a step failed, was cancelled
 * or stayed silent: cancellingShipment → releasing → refunding → cancelling → cancelled. The pivot is OrderShipped.
 */
export const orderSagaV1 = chart.createMachine({
  id: 'order-saga',
  version: '1',
  initial: 'accepted',
  context: { sequence: {} },
  states: {
    accepted: { on: { OrderCreated: 'paying' } },
    paying: {
      entry: ask('ProcessPayment'),
      on: {
        ...always,
        PaymentProcessed: 'reserving',
        PaymentFailed: { target: 'cancelling', actions: because('payment-failed') },
        OrderCancellationRequested: cancelTo('refunding'),
        AskDue: untilUsedUp('refunding', 'payment-unknown'),
      },
    },
    reserving: {
      entry: ask('ReserveInventory'),
      on: {
        ...always,
        InventoryReserved: 'shipping',
        InventoryFailed: { target: 'refunding', actions: because('inventory-failed') },
        OrderCancellationRequested: cancelTo('releasing'),
        AskDue: untilUsedUp('releasing', 'inventory-unknown'),
      },
    },
    shipping: {
      entry: ask('ShipOrder'),
      on: {
        ...always,
        OrderShipped: 'completing',
        ShippingFailed: { target: 'releasing', actions: because('shipping-failed') },
        OrderCancellationRequested: cancelTo('cancellingShipment'),
        AskDue: untilUsedUp('cancellingShipment', 'shipping-unknown'),
      },
    },
    completing: {
      entry: ask('CompleteOrder'),
      on: {
        ...always,
        OrderCompleted: 'completed',
        OrderCancellationRequested: cancelNoted,
        AskDue: forEver,
      },
    },
    cancellingShipment: {
      entry: ask('CancelShipment'),
      on: {
        ...always,
        ShipmentCancelled: 'releasing',
        ShipmentCancellationRefused: { target: 'completing', actions: 'goForward' },
        OrderCancellationRequested: cancelNoted,
        AskDue: forEver,
      },
    },
    releasing: {
      entry: ask('ReleaseInventory'),
      on: {
        ...always,
        InventoryReleased: 'refunding',
        OrderCancellationRequested: cancelNoted,
        AskDue: forEver,
      },
    },
    refunding: {
      entry: ask('RefundPayment'),
      on: {
        ...always,
        PaymentRefunded: 'cancelling',
        OrderCancellationRequested: cancelNoted,
        AskDue: forEver,
      },
    },
    cancelling: {
      entry: ask('CancelOrder'),
      on: {
        ...always,
        OrderCancelled: 'cancelled',
        OrderCancellationRequested: cancelNoted,
        AskDue: forEver,
      },
    },
    completed: { type: 'final' },
    cancelled: { type: 'final' },
  },
});
