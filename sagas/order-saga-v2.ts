import { always, ask, because, cancelNoted, cancelTo, chart, forEver, untilUsedUp } from './chart-parts.ts';

/** Money that was captured before its time, as version 1 does it, is there already when the parcel is gone. */
const takeMoney = (...actions: readonly 'goForward'[]) =>
  [
    { guard: 'captured', target: 'completing', actions },
    { target: 'capturing', actions },
  ] as const;

/** Money that was captured is refunded; what was only authorised is voided. */
const giveBack = (...actions: readonly ReturnType<typeof because>[]) =>
  [
    { guard: 'captured', target: 'refunding', actions },
    { target: 'voiding', actions },
  ] as const;

/**
 * The statechart `order-saga`, version 2: the money is authorised first and captured once the parcel is gone.
 *
 * Forward: authorizing → reserving → shipping → capturing → completing → completed. Back: cancellingShipment →
 * releasing → voiding → cancelling → cancelled. The pivot is OrderShipped: the capture comes after it, so it is asked
 * for ever. It also understands the answers that version 1 waits for: PaymentProcessed says that the money is captured
 * already; then nothing is left to capture, and what takes it back is RefundPayment.
 */
export const orderSagaV2 = chart.createMachine({
  id: 'order-saga',
  version: '2',
  initial: 'accepted',
  context: { sequence: {} },
  states: {
    accepted: { on: { OrderCreated: 'authorizing' } },
    authorizing: {
      entry: ask('AuthorizePayment'),
      on: {
        ...always,
        PaymentAuthorized: 'reserving',
        AuthorizationFailed: { target: 'cancelling', actions: because('payment-failed') },
        PaymentProcessed: { target: 'reserving', actions: 'noteCaptured' },
        PaymentFailed: { target: 'cancelling', actions: because('payment-failed') },
        OrderCancellationRequested: cancelTo('voiding'),
        AskDue: untilUsedUp('voiding', 'payment-unknown'),
      },
    },
    reserving: {
      entry: ask('ReserveInventory'),
      on: {
        ...always,
        InventoryReserved: 'shipping',
        InventoryFailed: giveBack(because('inventory-failed')),
        OrderCancellationRequested: cancelTo('releasing'),
        AskDue: untilUsedUp('releasing', 'inventory-unknown'),
      },
    },
    shipping: {
      entry: ask('ShipOrder'),
      on: {
        ...always,
        OrderShipped: takeMoney(),
        ShippingFailed: { target: 'releasing', actions: because('shipping-failed') },
        OrderCancellationRequested: cancelTo('cancellingShipment'),
        AskDue: untilUsedUp('cancellingShipment', 'shipping-unknown'),
      },
    },
    capturing: {
      entry: ask('CapturePayment'),
      on: {
        ...always,
        PaymentCaptured: { target: 'completing', actions: 'noteCaptured' },
        OrderCancellationRequested: cancelNoted,
        AskDue: forEver,
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
        ShipmentCancellationRefused: takeMoney('goForward'),
        OrderCancellationRequested: cancelNoted,
        AskDue: forEver,
      },
    },
    releasing: {
      entry: ask('ReleaseInventory'),
      on: {
        ...always,
        InventoryReleased: giveBack(),
        OrderCancellationRequested: cancelNoted,
        AskDue: forEver,
      },
    },
    voiding: {
      entry: ask('VoidPayment'),
      on: {
        ...always,
        PaymentVoided: 'cancelling',
        PaymentProcessed: { target: 'refunding', actions: 'noteCaptured' },
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
