import { authorizing } from './authorizing.ts';
import type { History, HistoryOrder } from './history.ts';

/** Orders for tests of the ledger, by what they are: written into log and books one by one, or all together. */

/** The names of such orders. */
export const namesOf = (orders: (history: History) => Readonly<Record<string, unknown>>): string[] =>
  Object.keys(orders(undefined as never));

/** Orders that have ended, and balance. */
export const balanced = (history: History): Record<string, () => HistoryOrder> => {
  const cancelledBeforeAnswer = () => {
    const it = history.order().inStock().saga('shipping', 'ShipOrder').shipmentStarted().shipmentEntered();
    it.saga('cancellingShipment', 'CancelShipment').cancellationStarted().cancellationEntered(1);
    it.write('shipping', 'ShipmentCancelled', { commandId: it.id('CancelShipment'), nothing: false });
    return it.givenBack('customer-cancelled', { stock: true });
  };

  return {
    'that completed': () => history.order().done(),
    'whose payment failed': () => {
      const it = history.order().created().chargeStarted().chargeEntered(0).chargeFailed();
      return it.saga('cancelling', 'CancelOrder').cancelled('payment-failed').saga('cancelled');
    },
    'whose stock was short': () => {
      const it = history.order().paid().reservationStarted().taken().returned();
      it.write('inventory', 'InventoryFailed', { commandId: it.id('ReserveInventory'), shortages: [] });
      return it.givenBack('inventory-failed', { stock: false });
    },
    'that could not be shipped': () => {
      const it = history.order().inStock().shipmentStarted().shipmentEntered(0);
      it.write('shipping', 'ShippingFailed', { commandId: it.id('ShipOrder'), reason: 'not served' });
      return it.givenBack('shipping-failed', { stock: true });
    },
    'cancelled before its payment began': () => {
      const it = history.order().created().refunded({ amount: 0, nothing: true });
      return it.cancelled('customer-cancelled').saga('cancelled');
    },
    'cancelled while its payment was out': () =>
      history
        .order()
        .created()
        .chargeStarted()
        .chargeEntered()
        .charged()
        .givenBack('customer-cancelled', { stock: false }),
    'whose reservation stayed unknown': () =>
      history.order().inStock().givenBack('inventory-unknown', { stock: true }),
    'whose shipment was cancelled while it was out': cancelledBeforeAnswer,
    'whose shipment was refused, as its cancellation learned': () => {
      const it = history.order().inStock().shipmentStarted().shipmentEntered(0).cancellationStarted();
      it.write('shipping', 'ShipmentCancelled', { commandId: it.id('CancelShipment'), nothing: true });
      return it.givenBack('customer-cancelled', { stock: true });
    },
    'whose shipment was never asked for, and cancelled': () => {
      const it = history.order().inStock();
      it.write('shipping', 'ShipmentCancelled', { commandId: it.id('CancelShipment'), nothing: true });
      return it.givenBack('customer-cancelled', { stock: true });
    },
    'whose parcel was gone when it was to be cancelled': () => {
      const it = history.order().inStock().shipmentStarted().shipmentEntered().cancellationStarted();
      it.cancellationEntered(0).shipped();
      it.write('shipping', 'ShipmentCancellationRefused', {
        commandId: it.id('CancelShipment'),
        reason: 'gone',
      });
      return it.saga('completing', 'CompleteOrder').completed().saga('completed');
    },
    'that had been shipped before it was to be cancelled': () => {
      const it = history.order().sent();
      it.write('shipping', 'ShipmentCancellationRefused', {
        commandId: it.id('CancelShipment'),
        reason: 'already-shipped',
      });
      return it.saga('completing', 'CompleteOrder').completed().saga('completed');
    },
  };
};

/** Orders that do not balance, and the codes of their own violations. */
export const unbalanced = (history: History): Record<string, () => [HistoryOrder, ...string[]]> => {
  return {
    'an order completed without payment': () => {
      const it = history.order().created().taken().shipmentStarted().shipmentEntered().shipped().completed();
      return [it, 'completed-without-payment'];
    },
    'an order completed for less than its total': () => {
      const it = history.order().created().chargeStarted().chargeEntered(1, 400).charged({ amount: 400 });
      it.taken().shipmentStarted().shipmentEntered().shipped().completed();
      return [it, 'completed-without-payment', 'books-amount-differs'];
    },
    'an order completed without shipment': () => [
      history.order().inStock().completed(),
      'completed-without-shipment',
    ],
    'an order completed without stock': () => {
      const it = history.order().paid().shipmentStarted().shipmentEntered().shipped().completed();
      return [it, 'completed-without-stock'];
    },
    'a cancelled order that kept the money': () => [
      history.order().paid().cancelled('customer-cancelled'),
      'cancelled-but-captured',
    ],
    'a cancelled order that kept the goods': () => [
      history.order().created().taken().cancelled('customer-cancelled'),
      'cancelled-but-reserved',
    ],
    'a cancelled order that was shipped': () => {
      const it = history.order().created().shipmentStarted().shipmentEntered().shipped();
      return [it.cancelled('customer-cancelled'), 'cancelled-but-shipped'];
    },
    'an order charged twice': () => [history.order().paid().charged(), 'charged-twice'],
    'an order that was given back more than it paid': () => {
      const it = history.order().created().refundStarted().refundEntered().refunded();
      return [it, 'refunded-too-much'];
    },
    'an order that returned more than it took': () => [
      history.order().created().returned(),
      'returned-too-much',
    ],
    'something that happened for an order that was never created': () => [
      history.order().taken(),
      'order-unknown',
    ],
    'a charge that only the log knows': () => [
      history.order().created().chargeStarted().charged(),
      'outcome-not-in-books',
    ],
    'a refusal that only the log knows': () => [
      history.order().created().chargeStarted().chargeFailed(),
      'outcome-not-in-books',
    ],
    'a refund that only the log knows': () => [
      history.order().paid().refundStarted().refunded(),
      'outcome-not-in-books',
    ],
    'a shipment that only the log knows': () => [
      history.order().inStock().shipmentStarted().shipped(),
      'outcome-not-in-books',
    ],
    'a cancellation that only the log knows': () => {
      const it = history.order().inStock().shipmentStarted().shipmentEntered().cancellationStarted();
      it.write('shipping', 'ShipmentCancelled', { commandId: it.id('CancelShipment'), nothing: false });
      return [it, 'outcome-not-in-books'];
    },
    'a charge of another amount in the books': () => [
      history.order().created().chargeStarted().chargeEntered(1, 501).charged(),
      'books-amount-differs',
    ],
    'a charge of another amount in the books, its outcome still out': () => [
      history.order().created().chargeStarted().chargeEntered(1, 501),
      'books-amount-differs',
    ],
    'a refund of another amount in the books': () => [
      history.order().paid().refundStarted().refundEntered(499).refunded(),
      'books-amount-differs',
    ],
    'a charge that the books say was declined': () => [
      history.order().created().chargeStarted().chargeEntered(0).charged(),
      'books-outcome-differs',
    ],
    'a shipment that the books say was refused': () => [
      history.order().inStock().shipmentStarted().shipmentEntered(0).shipped(),
      'books-outcome-differs',
    ],
    'a cancellation that the books say was refused': () => {
      const it = history.order().inStock().shipmentStarted().shipmentEntered().cancellationStarted();
      it.cancellationEntered(0);
      it.write('shipping', 'ShipmentCancelled', { commandId: it.id('CancelShipment'), nothing: false });
      return [it, 'books-outcome-differs'];
    },
    'an outcome in log and books without its intent': () => [
      history.order().created().chargeEntered().charged(),
      'books-without-intent',
    ],
    'a charge still out when its order has ended': () => [
      history.order().created().chargeStarted().chargeEntered().cancelled('customer-cancelled'),
      'in-flight-after-end',
    ],
    'a shipment still out when its order has ended': () => {
      const it = history.order().created().shipmentStarted().shipmentEntered();
      return [it.cancelled('customer-cancelled'), 'in-flight-after-end'];
    },
  };
};

/** Orders whose money is authorised first, on their way. */
export const authorizingOrders = (history: History) => {
  /** A new order and its payment. */
  const placed = () => {
    const it = history.order().created();
    return { it, pay: authorizing(history, it) };
  };
  const authorized = () => {
    const order = placed();
    order.pay.allAuthorized();
    return order;
  };
  const shipped = () => {
    const order = authorized();
    order.it.taken().reserved().shipmentStarted().shipmentEntered().shipped();
    return order;
  };
  const done = () => {
    const order = shipped();
    order.pay.allCaptured();
    order.it.completed();
    return order.it;
  };
  return { placed, authorized, shipped, done };
};

/** As `balanced`, of money that is authorised first. */
export const balancedAuthorizing = (history: History): Record<string, () => void> => {
  const { placed, authorized, done } = authorizingOrders(history);
  return {
    'that completed': done,
    'whose authorisation was declined': () => {
      const { it, pay } = placed();
      pay.started().entered(0).declined();
      it.cancelled('payment-failed');
    },
    'whose stock was short': () => {
      const { it, pay } = authorized();
      it.taken().returned();
      pay.allVoided();
      it.cancelled('inventory-failed');
    },
    'cancelled before its authorisation began': () => {
      const { it, pay } = placed();
      pay.voided({ nothing: true });
      it.cancelled('customer-cancelled');
    },
    'whose authorisation was declined, as its void learned': () => {
      const { it, pay } = placed();
      pay.started().entered(0).declined().voided({ nothing: true });
      it.cancelled('payment-unknown');
    },
  };
};

/** As `unbalanced`, of money that is authorised first. */
export const unbalancedAuthorizing = (
  history: History,
): Record<string, () => [HistoryOrder, ...string[]]> => {
  const { placed, authorized, shipped } = authorizingOrders(history);
  return {
    'a completed order that was never captured': () => {
      const { it } = shipped();
      return [it.completed(), 'completed-without-capture'];
    },
    'a completed order whose authorisation was voided': () => {
      const { it, pay } = shipped();
      pay.allVoided();
      return [it.completed(), 'completed-without-capture'];
    },
    'a completed order captured for less than its total': () => {
      const { it, pay } = shipped();
      pay.captureStarted().captureEntered(400).captured({ amount: 400 });
      return [it.completed(), 'completed-without-payment', 'books-amount-differs'];
    },
    'a cancelled order whose authorisation stayed': () => {
      const { it } = authorized();
      return [it.cancelled('customer-cancelled'), 'authorization-left-open'];
    },
    'a cancelled order that was captured': () => {
      const { it, pay } = authorized();
      pay.allCaptured();
      return [it.cancelled('customer-cancelled'), 'cancelled-but-captured'];
    },
    'a void of captured money': () => {
      const { it, pay } = shipped();
      pay.allCaptured().allVoided();
      return [it.completed(), 'captured-and-voided'];
    },
    'an order that was both charged and authorised': () => {
      const { it, pay } = shipped();
      it.chargeStarted().chargeEntered().charged();
      return [pay && it.completed(), 'authorization-left-open'];
    },
    'an order authorised twice': () => {
      const { it, pay } = authorized();
      pay.authorized();
      return [it, 'authorized-twice'];
    },
    'an order captured twice': () => {
      const { it, pay } = shipped();
      pay.allCaptured().captured();
      return [it, 'charged-twice'];
    },
    'an authorisation that only the log knows': () => {
      const { it, pay } = placed();
      pay.started().authorized();
      return [it, 'outcome-not-in-books'];
    },
    'a capture that only the log knows': () => {
      const { it, pay } = shipped();
      pay.captureStarted().captured();
      return [it, 'outcome-not-in-books'];
    },
    'a void that only the log knows': () => {
      const { it, pay } = authorized();
      pay.voidStarted().voided();
      return [it, 'outcome-not-in-books'];
    },
    'an authorisation of another amount in the books': () => {
      const { it, pay } = placed();
      pay.started().entered(1, 501).authorized();
      return [it, 'books-amount-differs'];
    },
    'a capture of another amount in the books': () => {
      const { it, pay } = shipped();
      pay.captureStarted().captureEntered(499).captured();
      return [it, 'books-amount-differs'];
    },
    'an authorisation that the books say was declined': () => {
      const { it, pay } = placed();
      pay.started().entered(0).authorized();
      return [it, 'books-outcome-differs'];
    },
    'a capture without its intent': () => {
      const { it, pay } = shipped();
      pay.captureEntered().captured();
      return [it, 'books-without-intent'];
    },
    'a capture still out when its order has ended': () => {
      const { it, pay } = shipped();
      pay.captureStarted().captureEntered();
      return [it.completed(), 'completed-without-capture', 'in-flight-after-end'];
    },
    'a void still out when its order has ended': () => {
      const { it, pay } = authorized();
      pay.voidStarted().voidEntered();
      return [it.cancelled('customer-cancelled'), 'authorization-left-open', 'in-flight-after-end'];
    },
  };
};
