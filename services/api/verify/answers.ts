import type { CommandName } from '@recourse/contracts/commands';
import type { EventType } from '@recourse/contracts/events';

/** The events with which each command is answered; each names the command's id. */
const answersTo: Readonly<Record<CommandName, readonly EventType[]>> = {
  ProcessPayment: ['PaymentProcessed', 'PaymentFailed'],
  RefundPayment: ['PaymentRefunded'],
  AuthorizePayment: ['PaymentAuthorized', 'AuthorizationFailed'],
  CapturePayment: ['PaymentCaptured'],
  VoidPayment: ['PaymentVoided'],
  ReserveInventory: ['InventoryReserved', 'InventoryFailed'],
  ReleaseInventory: ['InventoryReleased'],
  ShipOrder: ['OrderShipped', 'ShippingFailed'],
  CancelShipment: ['ShipmentCancelled', 'ShipmentCancellationRefused'],
  CompleteOrder: ['OrderCompleted'],
  CancelOrder: ['OrderCancelled'],
};

/** The command that each type of event answers. */
export const answered: ReadonlyMap<string, CommandName> = new Map(
  Object.entries(answersTo).flatMap(([command, events]) =>
    events.map((event): [string, CommandName] => [event, command as CommandName]),
  ),
);

/** What takes a step back whose command was never answered: whichever of these was issued after it. */
export const undoesOf: Readonly<Partial<Record<CommandName, readonly CommandName[]>>> = {
  ProcessPayment: ['RefundPayment'],
  AuthorizePayment: ['VoidPayment', 'RefundPayment'],
  ReserveInventory: ['ReleaseInventory'],
  ShipOrder: ['CancelShipment'],
};
