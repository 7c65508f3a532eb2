import type { CommandName } from '@recourse/contracts/commands';
import type { EventId, Sku, TimerId } from '@recourse/contracts/ids';
import type { SagaVersion } from '../machines.ts';
import { type Advance, accepted, type OrderFacts, type SagaInput, type SagaState, step } from '../step.ts';

/** For tests of the saga: an order, inputs, and the ways into every state of every version of the machine. */

export const times = { askDelaysMs: [1_000, 2_000, 5_000, 10_000, 20_000], deadlineMs: 300_000 };

const line = (sku: string, quantity: number) => ({ sku: sku as Sku, quantity, unitPrice: 250 });

/** What OrderCreated says of the order: three lines, two of them of one SKU. */
export const facts = {
  customerId: null,
  currency: 'GBP',
  country: 'France',
  paymentToken: 'tok_accepted',
  lines: [line('A', 1), line('B', 2), line('A', 3)],
  total: 1_500,
  bodyHash: 'hash',
} as unknown as OrderFacts;

/** Everything that a chart hears from outside, and from whose stream it comes. */
export const categories: Record<string, SagaInput['category']> = {
  OrderCreated: 'order',
  OrderCancellationRequested: 'order',
  OrderCompleted: 'order',
  OrderCancelled: 'order',
  PaymentProcessed: 'payment',
  PaymentFailed: 'payment',
  PaymentRefunded: 'payment',
  PaymentAuthorized: 'payment',
  AuthorizationFailed: 'payment',
  PaymentCaptured: 'payment',
  PaymentVoided: 'payment',
  InventoryReserved: 'inventory',
  InventoryFailed: 'inventory',
  InventoryReleased: 'inventory',
  OrderShipped: 'shipping',
  ShippingFailed: 'shipping',
  ShipmentCancelled: 'shipping',
  ShipmentCancellationRefused: 'shipping',
};

let inputs = 0;
/** A fresh input of a type, newer than all before it. */
export const input = (type: string, extra: Partial<SagaInput> = {}): SagaInput => {
  inputs += 1;
  return {
    id: `0192f0a0-0000-7000-8000-${String(inputs).padStart(12, '0')}` as EventId,
    type,
    category: categories[type] ?? 'saga-input',
    revision: inputs,
    data: type === 'OrderCreated' ? facts : {},
    ...extra,
  };
};

/** A timer that has fired; `started`: the participant has begun on the outstanding command. */
export const timer = (timerId: TimerId | undefined, started = true, overdue = false): SagaInput =>
  input('TimerFired', { data: { timerId, overdue }, started });

/** One of the saga's own timers that asks. */
export const askAgain = (state: SagaState, version: SagaVersion, started = true, overdue = false): Advance =>
  step(state, timer(state.context.askTimer, started, overdue), facts, times, version)!;

/** A saga that has heard these, one after the other. */
export const after = (version: SagaVersion, ...types: readonly string[]): SagaState =>
  types.reduce((state, type) => step(state, input(type), facts, times, version)?.state ?? state, accepted);

/** The name of the state of a way: what stands before a comma. */
export const stateOf = (way: string): string => way.split(',')[0]!;

const paid = ['OrderCreated', 'PaymentProcessed'];
const authorized = ['OrderCreated', 'PaymentAuthorized'];
const shipped = ['InventoryReserved', 'OrderShipped'];
const cancelledWhileShipping = ['InventoryReserved', 'OrderCancellationRequested'];
const notShipped = ['InventoryReserved', 'ShippingFailed'];

/** A way into each state of each version; where money was captured before its time, into the same state once more. */
export const ways: Record<SagaVersion, Record<string, readonly string[]>> = {
  1: {
    accepted: [],
    paying: ['OrderCreated'],
    reserving: paid,
    shipping: [...paid, 'InventoryReserved'],
    completing: [...paid, ...shipped],
    cancellingShipment: [...paid, ...cancelledWhileShipping],
    releasing: [...paid, ...notShipped],
    refunding: [...paid, 'InventoryFailed'],
    cancelling: ['OrderCreated', 'PaymentFailed'],
    completed: [...paid, ...shipped, 'OrderCompleted'],
    cancelled: ['OrderCreated', 'PaymentFailed', 'OrderCancelled'],
  },
  2: {
    accepted: [],
    authorizing: ['OrderCreated'],
    reserving: authorized,
    'reserving, captured': paid,
    shipping: [...authorized, 'InventoryReserved'],
    'shipping, captured': [...paid, 'InventoryReserved'],
    capturing: [...authorized, ...shipped],
    completing: [...authorized, ...shipped, 'PaymentCaptured'],
    'completing, captured': [...paid, ...shipped],
    cancellingShipment: [...authorized, ...cancelledWhileShipping],
    'cancellingShipment, captured': [...paid, ...cancelledWhileShipping],
    releasing: [...authorized, ...notShipped],
    'releasing, captured': [...paid, ...notShipped],
    voiding: [...authorized, 'InventoryFailed'],
    refunding: [...paid, 'InventoryFailed'],
    cancelling: ['OrderCreated', 'AuthorizationFailed'],
    completed: [...authorized, ...shipped, 'PaymentCaptured', 'OrderCompleted'],
    cancelled: ['OrderCreated', 'AuthorizationFailed', 'OrderCancelled'],
  },
};

type Answers = Readonly<Record<string, readonly [state: string, command?: CommandName]>>;

const again = (state: string, command: CommandName): Answers => ({ RetryRequested: [state, command] });
const onTheWayBack = (state: string, command: CommandName): Answers => ({
  OrderCancellationRequested: [state],
  ...again(state, command),
});
const reserving = (undo: readonly [string, CommandName]): Answers => ({
  InventoryReserved: ['shipping', 'ShipOrder'],
  InventoryFailed: undo,
  OrderCancellationRequested: ['releasing', 'ReleaseInventory'],
  ...again('reserving', 'ReserveInventory'),
});
const shipping = (forward: readonly [string, CommandName]): Answers => ({
  OrderShipped: forward,
  ShippingFailed: ['releasing', 'ReleaseInventory'],
  OrderCancellationRequested: ['cancellingShipment', 'CancelShipment'],
  ...again('shipping', 'ShipOrder'),
});
const cancellingShipment = (forward: readonly [string, CommandName]): Answers => ({
  ShipmentCancelled: ['releasing', 'ReleaseInventory'],
  ShipmentCancellationRefused: forward,
  ...onTheWayBack('cancellingShipment', 'CancelShipment'),
});
const releasing = (undo: readonly [string, CommandName]): Answers => ({
  InventoryReleased: undo,
  ...onTheWayBack('releasing', 'ReleaseInventory'),
});
const completing = { OrderCompleted: ['completed'], ...onTheWayBack('completing', 'CompleteOrder') } as const;
const refunding = {
  PaymentRefunded: ['cancelling', 'CancelOrder'],
  ...onTheWayBack('refunding', 'RefundPayment'),
} as const;
const cancelling = { OrderCancelled: ['cancelled'], ...onTheWayBack('cancelling', 'CancelOrder') } as const;

const refund = ['refunding', 'RefundPayment'] as const;
const release = ['voiding', 'VoidPayment'] as const;
const complete = ['completing', 'CompleteOrder'] as const;
const capture = ['capturing', 'CapturePayment'] as const;
const failed = ['cancelling', 'CancelOrder'] as const;

/** What each state makes of each event that it hears: the next state and the command. All else is ignored. */
export const heard: Record<SagaVersion, Record<string, Answers>> = {
  1: {
    accepted: { OrderCreated: ['paying', 'ProcessPayment'] },
    paying: {
      PaymentProcessed: ['reserving', 'ReserveInventory'],
      PaymentFailed: failed,
      OrderCancellationRequested: refund,
      ...again('paying', 'ProcessPayment'),
    },
    reserving: reserving(refund),
    shipping: shipping(complete),
    completing,
    cancellingShipment: cancellingShipment(complete),
    releasing: releasing(refund),
    refunding,
    cancelling,
    completed: {},
    cancelled: {},
  },
  2: {
    accepted: { OrderCreated: ['authorizing', 'AuthorizePayment'] },
    authorizing: {
      PaymentAuthorized: ['reserving', 'ReserveInventory'],
      AuthorizationFailed: failed,
      PaymentProcessed: ['reserving', 'ReserveInventory'],
      PaymentFailed: failed,
      OrderCancellationRequested: release,
      ...again('authorizing', 'AuthorizePayment'),
    },
    reserving: reserving(release),
    'reserving, captured': reserving(refund),
    shipping: shipping(capture),
    'shipping, captured': shipping(complete),
    capturing: { PaymentCaptured: complete, ...onTheWayBack('capturing', 'CapturePayment') },
    completing,
    'completing, captured': completing,
    cancellingShipment: cancellingShipment(capture),
    'cancellingShipment, captured': cancellingShipment(complete),
    releasing: releasing(release),
    'releasing, captured': releasing(refund),
    voiding: { PaymentVoided: failed, PaymentProcessed: refund, ...onTheWayBack('voiding', 'VoidPayment') },
    refunding,
    cancelling,
    completed: {},
    cancelled: {},
  },
};
