import type { EventData } from '@recourse/contracts/events';
import { type Order, rfc3339 } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { goesBack } from './projections/way-back.ts';

/**
 * One order as its customer sees it, folded from the order's own records. Each part is folded from one stream, so
 * the order in which records of different streams come does not matter.
 *
 * The fold writes in place: it runs for each record of each order that somebody waits for.
 */
export type OrderView = {
  readonly orderId: OrderId;
  created: EventData['OrderCreated'] | undefined;
  createdAt: number;
  updatedAt: number;
  endedAt: number | undefined;
  end: 'completed' | 'cancelled' | undefined;
  /** What the saga last said of itself. */
  sagaState: string;
  sagaDone: boolean;
  /** The version of its machine, undefined before its first step; and whether it knows that the money was captured. */
  sagaVersion: number | undefined;
  sagaCaptured: boolean;
  sagaBecause: Order['because'];
  cancelledBecause: Order['because'];
  cancellationRequested: boolean;
  cancellationRefused: boolean;
  payment: Order['payment'];
  inventory: Order['inventory'];
  shipping: Order['shipping'];
  shortages: Order['shortages'];
  shipmentId: Order['shipmentId'];
};

/** An order of which nothing is known yet. */
export const newOrderView = (orderId: OrderId): OrderView => ({
  orderId,
  created: undefined,
  createdAt: 0,
  updatedAt: 0,
  endedAt: undefined,
  end: undefined,
  sagaState: 'accepted',
  sagaDone: false,
  sagaVersion: undefined,
  sagaCaptured: false,
  sagaBecause: null,
  cancelledBecause: null,
  cancellationRequested: false,
  cancellationRefused: false,
  payment: 'none',
  inventory: 'none',
  shipping: 'none',
  shortages: [],
  shipmentId: null,
});

/** Folds one record into the view. Records of other kinds, stock for one, change nothing. */
export const applyToOrder = (view: OrderView, record: RecordedEvent): void => {
  if (record.time > view.updatedAt) view.updatedAt = record.time;
  switch (record.type) {
    case 'OrderCreated':
      view.created = record.data;
      view.createdAt = record.time;
      return;
    case 'OrderCancellationRequested':
      view.cancellationRequested = true;
      return;
    case 'OrderCompleted':
      view.end = 'completed';
      view.endedAt = record.time;
      view.cancellationRefused = record.data.cancellationRefused;
      return;
    case 'OrderCancelled':
      view.end = 'cancelled';
      view.endedAt = record.time;
      view.cancelledBecause = record.data.because;
      return;
    case 'SagaAdvanced': {
      const { value, status, context } = record.data.state;
      view.sagaState = value;
      view.sagaDone = status === 'done';
      view.sagaVersion = record.data.machine.version;
      view.sagaCaptured = context.captured === true;
      view.sagaBecause = context.because ?? null;
      return;
    }
    default:
      applyToParts(view, record);
  }
};

/** A tombstone changes nothing where nothing had happened, and ends what was only begun. */
const undone = <Before extends string, After extends string>(
  before: Before,
  nothing: boolean,
  after: After,
): Before | After => (nothing && (before === 'none' || before === 'failed') ? before : after);

const applyToParts = (view: OrderView, record: RecordedEvent): void => {
  // What the provider said after a person had settled the step is on record, and decides nothing.
  if ('late' in record.data) return;
  switch (record.type) {
    case 'ReservationStarted':
      view.inventory = 'started';
      return;
    case 'InventoryReserved':
      view.inventory = 'reserved';
      return;
    case 'InventoryFailed':
      view.inventory = 'failed';
      view.shortages = record.data.shortages;
      return;
    case 'ReleaseStarted':
      view.inventory = 'releasing';
      return;
    case 'InventoryReleased':
      view.inventory = undone(view.inventory, record.data.nothing, 'released');
      return;
    case 'ShipmentStarted':
      view.shipping = 'started';
      return;
    case 'OrderShipped':
      view.shipping = 'shipped';
      view.shipmentId = record.data.shipmentId;
      return;
    case 'ShippingFailed':
      view.shipping = 'failed';
      return;
    case 'ShipmentCancellationStarted':
      view.shipping = 'cancelling';
      return;
    case 'ShipmentCancelled':
      view.shipping = undone(view.shipping, record.data.nothing, 'cancelled');
      return;
    default:
      applyToPayment(view, record);
  }
};

const applyToPayment = (view: OrderView, record: RecordedEvent): void => {
  switch (record.type) {
    case 'PaymentStarted':
    case 'AuthorizationStarted':
      view.payment = 'started';
      return;
    case 'PaymentProcessed':
      view.payment = 'processed';
      return;
    case 'PaymentAuthorized':
      view.payment = 'authorized';
      return;
    case 'PaymentFailed':
    case 'AuthorizationFailed':
      view.payment = 'failed';
      return;
    case 'CaptureStarted':
      view.payment = 'capturing';
      return;
    case 'PaymentCaptured':
      view.payment = 'captured';
      return;
    case 'RefundStarted':
      view.payment = 'refunding';
      return;
    case 'PaymentRefunded':
      view.payment = undone(view.payment, record.data.nothing, 'refunded');
      return;
    case 'VoidStarted':
      view.payment = 'voiding';
      return;
    case 'PaymentVoided':
      view.payment = undone(view.payment, record.data.nothing, 'voided');
      return;
  }
};

const stateOf = (view: OrderView): Order['state'] => {
  if (view.end !== undefined) return view.end;
  if (goesBack(view.sagaState)) return 'cancelling';
  return view.cancellationRequested && view.shipping !== 'shipped' ? 'cancelling' : 'open';
};

const becauseOf = (view: OrderView, state: Order['state']): Order['because'] => {
  if (state === 'cancelled') return view.cancelledBecause;
  return state === 'cancelling' ? (view.sagaBecause ?? 'customer-cancelled') : null;
};

/** Whether the order has come to its end for its customer. */
export const hasEnded = (view: OrderView): boolean => view.end !== undefined;

/** The order, or undefined where its OrderCreated has not been folded. */
export const toOrder = (view: OrderView): Order | undefined => {
  if (view.created === undefined) return undefined;
  const state = stateOf(view);
  const { customerId, currency, country, total, lines } = view.created;
  return {
    orderId: view.orderId,
    state,
    customerId,
    currency,
    country,
    total,
    lines,
    payment: view.payment,
    inventory: view.inventory,
    shipping: view.shipping,
    because: becauseOf(view, state),
    shortages: view.shortages,
    cancellationRefused: view.cancellationRefused,
    shipmentId: view.shipmentId,
    createdAt: rfc3339(view.createdAt),
    updatedAt: rfc3339(view.updatedAt),
    endedAt: view.endedAt === undefined ? null : rfc3339(view.endedAt),
  };
};

/** The order that these records, all of its own, tell of. */
export const foldOrder = (orderId: OrderId, records: Iterable<RecordedEvent>): OrderView => {
  const view = newOrderView(orderId);
  for (const record of records) applyToOrder(view, record);
  return view;
};
