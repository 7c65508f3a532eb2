import { z } from 'zod';
import type { CommandName } from './commands.ts';
import { type DomainEvent, type EventType, eventData, type Participant } from './events.ts';
import { addressee } from './registry.ts';

/** Which events answer which commands, and what an answer looks like where somebody else's program gives it. */

/** The events with which each command is answered; each names the command's id. */
export const answersTo = {
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
} as const satisfies Readonly<Record<CommandName, readonly EventType[]>>;

/** The wire name of an event that answers a command. */
export type AnswerType = (typeof answersTo)[CommandName][number];

/** An event that answers a command. */
export type AnswerEvent = DomainEvent<AnswerType>;

/** The command that each type of event answers. */
export const answered: ReadonlyMap<string, CommandName> = new Map(
  Object.entries(answersTo).flatMap(([command, events]) =>
    events.map((event): [string, CommandName] => [event, command as CommandName]),
  ),
);

/**
 * Participants that may be somebody else's program. Orders are taken and ended by Recourse itself, and stock is kept in
 * its log: who orders is told from there what is on hand, and the ledger counts every piece.
 */
export const Foreign = z.enum(['payment', 'shipping']);
export type Foreign = z.infer<typeof Foreign>;

/** The commands that a participant obeys, and the events with which it answers them. */
export const answersOf = (participant: Participant): readonly (readonly [CommandName, AnswerType])[] =>
  [...answered]
    .filter(([, command]) => addressee[command] === participant)
    .map(([event, command]) => [command, event as AnswerType]);

/** What only Recourse says of an answer: that a person gave it, or that it came after that. */
const settlement: ReadonlySet<string> = new Set(['by', 'reference', 'note', 'late']);

/** The schema of an answer's data as somebody else's program gives it. */
export const answerSchema = (type: AnswerType): z.ZodType =>
  z.strictObject(
    Object.fromEntries(
      Object.entries(eventData[type].shape).filter(([name]) => !settlement.has(name)),
    ) as z.ZodRawShape,
  );

/** What takes a step back, by the command that asked for it. */
export const undoesOf: Readonly<Partial<Record<CommandName, readonly CommandName[]>>> = {
  ProcessPayment: ['RefundPayment'],
  AuthorizePayment: ['VoidPayment', 'RefundPayment'],
  ReserveInventory: ['ReleaseInventory'],
  ShipOrder: ['CancelShipment'],
};
