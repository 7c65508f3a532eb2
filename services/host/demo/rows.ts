import type { CommandName } from '@recourse/contracts/commands';
import type { EventType } from '@recourse/contracts/events';

/** The compensation table, one order a row: what is made to happen, and what must come of it. */

/** One row. */
export type DemoRow = {
  /** Short: stands before each line. */
  readonly label: string;
  /** What happens, and what then. */
  readonly title: string;
  readonly paymentToken: string;
  /** `served`: any that the carrier serves. */
  readonly country: string;
  /** Asks for more of one SKU than there is. */
  readonly beyondStock?: true;
  /** The customer cancels as soon as this has happened. */
  readonly cancelAfter?: EventType;
  readonly expected: Expected;
};

/** What must come of it. */
export type Expected = {
  readonly state: 'completed' | 'cancelled';
  readonly because: string | null;
  readonly cancellationRefused: boolean;
  /** The commands in their order; one that is asked again stands once. */
  readonly commands: readonly CommandName[];
  /** What the customer's cancelling is answered. */
  readonly cancelStatus?: number;
};

/** A country that the carrier serves, to be filled in. */
export const served = 'served';

const forward: readonly CommandName[] = ['ProcessPayment', 'ReserveInventory', 'ShipOrder'];
const back: readonly CommandName[] = ['RefundPayment', 'CancelOrder'];

const completed = { state: 'completed', because: null, cancellationRefused: false } as const;
const cancelled = <const T extends string>(because: T) =>
  ({ state: 'cancelled', because, cancellationRefused: false }) as const;

/** As many calls as the saga makes before it takes a payment's outcome as unknown: then the undo learns it. */
const callsUnreached = 6;

/** All rows, the one that takes longest last. */
export const demoRows: readonly DemoRow[] = [
  {
    label: 'all-well',
    title: 'Nothing goes wrong: paid, reserved, shipped, completed',
    paymentToken: 'tok_accepted',
    country: served,
    expected: { ...completed, commands: [...forward, 'CompleteOrder'] },
  },
  {
    label: 'payment-failed',
    title: 'The payment is declined: nothing to undo',
    paymentToken: 'tok_declined',
    country: served,
    expected: { ...cancelled('payment-failed'), commands: ['ProcessPayment', 'CancelOrder'] },
  },
  {
    label: 'inventory-failed',
    title: 'More is ordered than there is: the payment is refunded',
    paymentToken: 'tok_accepted',
    country: served,
    beyondStock: true,
    expected: { ...cancelled('inventory-failed'), commands: ['ProcessPayment', 'ReserveInventory', ...back] },
  },
  {
    label: 'shipping-failed',
    title: 'The carrier refuses: stock is released, the payment refunded',
    paymentToken: 'tok_accepted',
    country: 'ZZ-refused',
    expected: { ...cancelled('shipping-failed'), commands: [...forward, 'ReleaseInventory', ...back] },
  },
  {
    label: 'customer-cancels',
    title: 'The customer cancels while the payment is out: it is brought to its outcome, then refunded',
    paymentToken: 'tok_slow',
    country: served,
    cancelAfter: 'PaymentStarted',
    expected: {
      ...cancelled('customer-cancelled'),
      commands: ['ProcessPayment', ...back],
      cancelStatus: 202,
    },
  },
  {
    label: 'shipment-stopped',
    title: 'The customer cancels while the shipment is out: the carrier holds the parcel back',
    paymentToken: 'tok_accepted',
    country: 'ZZ-answer-lost',
    cancelAfter: 'ShipmentStarted',
    expected: {
      ...cancelled('customer-cancelled'),
      commands: [...forward, 'CancelShipment', 'ReleaseInventory', ...back],
      cancelStatus: 202,
    },
  },
  {
    label: 'parcel-gone',
    title: 'The customer cancels while the shipment is out: the parcel is gone, the order completes',
    paymentToken: 'tok_accepted',
    country: 'ZZ-gone',
    cancelAfter: 'ShipmentStarted',
    expected: {
      ...completed,
      cancellationRefused: true,
      commands: [...forward, 'CancelShipment', 'CompleteOrder'],
      cancelStatus: 202,
    },
  },
  {
    label: 'too-late',
    title: 'The customer cancels after OrderShipped: 409, the order completes',
    paymentToken: 'tok_accepted',
    country: served,
    cancelAfter: 'OrderShipped',
    expected: { ...completed, commands: [...forward, 'CompleteOrder'], cancelStatus: 409 },
  },
  {
    label: 'payment-unknown',
    title:
      'The provider does not answer: once the asks are used up the payment is undone as if it had happened',
    paymentToken: `tok_down_${callsUnreached}`,
    country: served,
    expected: { ...cancelled('payment-unknown'), commands: ['ProcessPayment', ...back] },
  },
];
