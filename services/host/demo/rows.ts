import type { CommandName } from '@recourse/contracts/commands';
import type { EventType } from '@recourse/contracts/events';

/**
 * The compensation table, one order a row: what is made to happen, and what must come of it on each version of the
 * saga. What hangs on captures and voids goes without a hitch where the money is charged at once.
 */

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
  /** The customer cancels as soon as one of these has happened. */
  readonly cancelAfter?: readonly EventType[];
  readonly expected: Expected;
};

/** What must come of it. */
export type Expected = {
  readonly state: 'completed' | 'cancelled';
  readonly because: string | null;
  readonly cancellationRefused: boolean;
  /** The commands in their order, by the way its money goes; one that is asked again stands once. */
  readonly commands: (way: Way) => readonly CommandName[];
  /** What the customer's cancelling is answered. */
  readonly cancelStatus?: number;
};

/** A country that the carrier serves, to be filled in. */
export const served = 'served';

/** The commands that hang on the version of an order's saga. */
export type Way = {
  readonly pay: CommandName;
  /** What takes the payment back. */
  readonly unpay: CommandName;
  /** From OrderShipped on. */
  readonly finish: readonly CommandName[];
};

/** By version of the saga: charged at once, or authorised first. */
export const ways: Readonly<Record<number, Way>> = {
  1: { pay: 'ProcessPayment', unpay: 'RefundPayment', finish: ['CompleteOrder'] },
  2: { pay: 'AuthorizePayment', unpay: 'VoidPayment', finish: ['CapturePayment', 'CompleteOrder'] },
};

const toShipped = ({ pay }: Way): readonly CommandName[] => [pay, 'ReserveInventory', 'ShipOrder'];
const back = ({ unpay }: Way): readonly CommandName[] => [unpay, 'CancelOrder'];

const completed = { state: 'completed', because: null, cancellationRefused: false } as const;
const cancelled = <const T extends string>(because: T) =>
  ({ state: 'cancelled', because, cancellationRefused: false }) as const;

/** As many calls as the saga makes before it takes a payment's outcome as unknown: then the undo learns it. */
const callsUnreached = 6;

/** All rows, the one that takes longest last. */
export const demoRows: readonly DemoRow[] = [
  {
    label: 'all-well',
    title: 'Nothing goes wrong: paid, or authorised and captured in the end; reserved, shipped, completed',
    paymentToken: 'tok_accepted',
    country: served,
    expected: { ...completed, commands: (way) => [...toShipped(way), ...way.finish] },
  },
  {
    label: 'payment-failed',
    title: 'The payment is declined: nothing to undo',
    paymentToken: 'tok_declined',
    country: served,
    expected: { ...cancelled('payment-failed'), commands: ({ pay }) => [pay, 'CancelOrder'] },
  },
  {
    label: 'inventory-failed',
    title: 'More is ordered than there is: the payment is refunded, or voided',
    paymentToken: 'tok_accepted',
    country: served,
    beyondStock: true,
    expected: {
      ...cancelled('inventory-failed'),
      commands: (way) => [way.pay, 'ReserveInventory', ...back(way)],
    },
  },
  {
    label: 'shipping-failed',
    title: 'The carrier refuses: stock is released, the payment refunded, or voided',
    paymentToken: 'tok_accepted',
    country: 'ZZ-refused',
    expected: {
      ...cancelled('shipping-failed'),
      commands: (way) => [...toShipped(way), 'ReleaseInventory', ...back(way)],
    },
  },
  {
    label: 'customer-cancels',
    title: 'The customer cancels while the payment is out: it is brought to its outcome, then undone',
    paymentToken: 'tok_slow',
    country: served,
    cancelAfter: ['PaymentStarted', 'AuthorizationStarted'],
    expected: {
      ...cancelled('customer-cancelled'),
      commands: (way) => [way.pay, ...back(way)],
      cancelStatus: 202,
    },
  },
  {
    label: 'shipment-stopped',
    title: 'The customer cancels while the shipment is out: the carrier holds the parcel back',
    paymentToken: 'tok_accepted',
    country: 'ZZ-answer-lost',
    cancelAfter: ['ShipmentStarted'],
    expected: {
      ...cancelled('customer-cancelled'),
      commands: (way) => [...toShipped(way), 'CancelShipment', 'ReleaseInventory', ...back(way)],
      cancelStatus: 202,
    },
  },
  {
    label: 'parcel-gone',
    title: 'The customer cancels while the shipment is out: the parcel is gone, the order completes',
    paymentToken: 'tok_accepted',
    country: 'ZZ-gone',
    cancelAfter: ['ShipmentStarted'],
    expected: {
      ...completed,
      cancellationRefused: true,
      commands: (way) => [...toShipped(way), 'CancelShipment', ...way.finish],
      cancelStatus: 202,
    },
  },
  {
    label: 'too-late',
    title: 'The customer cancels after OrderShipped: 409, the order completes',
    paymentToken: 'tok_accepted',
    country: served,
    cancelAfter: ['OrderShipped'],
    expected: { ...completed, commands: (way) => [...toShipped(way), ...way.finish], cancelStatus: 409 },
  },
  {
    label: 'capture-repeated',
    title: 'A capture does not get through at first: past the pivot it is asked for until it does',
    paymentToken: 'tok_capture_down_2',
    country: served,
    expected: { ...completed, commands: (way) => [...toShipped(way), ...way.finish] },
  },
  {
    label: 'void-repeated',
    title: 'A void does not get through at first: it is asked for until it does',
    paymentToken: 'tok_void_down_2',
    country: 'ZZ-refused',
    expected: {
      ...cancelled('shipping-failed'),
      commands: (way) => [...toShipped(way), 'ReleaseInventory', ...back(way)],
    },
  },
  {
    label: 'payment-unknown',
    title:
      'The provider does not answer: once the asks are used up the payment is undone as if it had happened',
    paymentToken: `tok_down_${callsUnreached}`,
    country: served,
    expected: { ...cancelled('payment-unknown'), commands: (way) => [way.pay, ...back(way)] },
  },
];
