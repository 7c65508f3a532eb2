import type { AnswerType } from './answers.ts';
import type { CommandData } from './commands.ts';

/** Examples of commands and of their answers: the document of the messages shows them, and conformance asks by them. */

/** The order and the command that the examples are of. */
export const exampleOrder = '0192f0a0-0000-7000-8000-000000000001';
export const exampleCommand = 'b3a2f6c1-5f0e-5d3a-9c1b-2f4e6a8c0d1e';

const commandId = exampleCommand;

/** Data of each command. */
export const commandExamples = {
  ProcessPayment: { amount: 1_250, currency: 'GBP', paymentToken: 'tok_accepted' },
  RefundPayment: { currency: 'GBP' },
  AuthorizePayment: { amount: 1_250, currency: 'GBP', paymentToken: 'tok_accepted' },
  CapturePayment: { amount: 1_250, currency: 'GBP' },
  VoidPayment: {},
  ReserveInventory: { lines: [{ sku: '85123A', quantity: 5 }] },
  ReleaseInventory: {},
  ShipOrder: { country: 'France' },
  CancelShipment: {},
  CompleteOrder: {},
  CancelOrder: { because: 'customer-cancelled' },
} as unknown as Readonly<CommandData>;

const money = { amount: 1_250, currency: 'GBP' };

/** Data of each answer, as somebody else's program gives it. */
export const answerExamples: Readonly<Record<AnswerType, object>> = {
  PaymentProcessed: { commandId, chargeId: 'ch_1', ...money },
  PaymentFailed: { commandId, reason: 'card-declined' },
  PaymentRefunded: { commandId, refundId: 're_1', nothing: false, ...money },
  PaymentAuthorized: { commandId, authorizationId: 'au_1', ...money },
  AuthorizationFailed: { commandId, reason: 'card-declined' },
  PaymentCaptured: { commandId, captureId: 'ca_1', ...money },
  PaymentVoided: { commandId, voidId: 'vo_1', nothing: false },
  InventoryReserved: { commandId },
  InventoryFailed: {
    commandId,
    shortages: [{ sku: '85123A', requested: 5, onHand: 2, reason: 'insufficient-stock' }],
  },
  InventoryReleased: { commandId, nothing: false },
  OrderShipped: { commandId, shipmentId: 'sh_1' },
  ShippingFailed: { commandId, reason: 'country-not-served' },
  ShipmentCancelled: { commandId, nothing: true },
  ShipmentCancellationRefused: { commandId, reason: 'already-shipped' },
  OrderCompleted: { commandId, cancellationRefused: false },
  OrderCancelled: { commandId, because: 'customer-cancelled' },
};
