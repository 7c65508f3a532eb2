import type { HttpShop, ShopOpening } from '../shop.ts';
import { everyWay, type Way } from './ways.ts';

const paying: Way = {
  version: 1,
  paying: 'paying',
  undoing: 'refunding',
  paid: 'processed',
  undone: 'refunded',
  told: [
    'OrderCreated',
    '→ ProcessPayment',
    'PaymentStarted',
    'PaymentProcessed',
    '→ ReserveInventory',
    'ReservationStarted',
    'InventoryReserved',
    '→ ShipOrder',
    'ShipmentStarted',
    'OrderShipped',
    '→ CompleteOrder',
    'OrderCompleted',
  ],
  payCommand: '→ ProcessPayment',
  toldOfUndo: [
    '→ RefundPayment',
    'PaymentProcessed',
    'RefundStarted',
    'PaymentRefunded',
    '→ CancelOrder',
    'OrderCancelled',
  ],
  undoOutcome: 'PaymentRefunded',
  failedOutcome: 'PaymentFailed',
  otherOutcomes: [undefined],
};

/** Orders on version 1 of the saga: paid first, refunded where it goes wrong. */
export const compensations = (name: string, open: (opening: ShopOpening) => Promise<HttpShop>): void =>
  everyWay(name, open, paying);
