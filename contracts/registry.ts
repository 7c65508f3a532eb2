import type { z } from 'zod';
import { type CommandName, commandData } from './commands.ts';
import { type EventType, eventData, Participant } from './events.ts';

/** Which topic carries a type, what its data looks like, and which version of that is current. */

/** Where a participant that is somebody else's program answers. */
export type ReplyTopic = `${Participant}.replies`;

/** A topic of the broker. */
export type Topic =
  | `${Participant}.events`
  | `${Participant}.commands`
  | ReplyTopic
  | 'saga.events'
  | 'saga.inputs';

/** Every topic. */
export const topics: readonly Topic[] = [
  ...Participant.options.flatMap((it) => [`${it}.events`, `${it}.commands`, `${it}.replies`] as const),
  'saga.events',
  'saga.inputs',
];

/** What the registry knows of a type. `topic: null`: it stays in the log and is never carried. */
export type Registered = {
  readonly kind: 'event' | 'command';
  readonly topic: Topic | null;
  readonly version: number;
  readonly schema: z.ZodType;
};

const eventTopics: Record<EventType, Topic | null> = {
  OrderCreated: 'order.events',
  OrderCancellationRequested: 'order.events',
  OrderCompleted: 'order.events',
  OrderCancelled: 'order.events',
  SagaAdvanced: 'saga.events',
  TimerFired: 'saga.inputs',
  RetryRequested: 'saga.inputs',
  SagaMigrationRequested: 'saga.inputs',
  PaymentStarted: 'payment.events',
  PaymentProcessed: 'payment.events',
  PaymentFailed: 'payment.events',
  RefundStarted: 'payment.events',
  PaymentRefunded: 'payment.events',
  AuthorizationStarted: 'payment.events',
  PaymentAuthorized: 'payment.events',
  AuthorizationFailed: 'payment.events',
  CaptureStarted: 'payment.events',
  PaymentCaptured: 'payment.events',
  VoidStarted: 'payment.events',
  PaymentVoided: 'payment.events',
  ReservationStarted: 'inventory.events',
  InventoryReserved: 'inventory.events',
  InventoryFailed: 'inventory.events',
  ReleaseStarted: 'inventory.events',
  InventoryReleased: 'inventory.events',
  ReceiptStarted: null,
  StockReceived: null,
  StockTaken: null,
  StockReturned: null,
  ShipmentStarted: 'shipping.events',
  OrderShipped: 'shipping.events',
  ShippingFailed: 'shipping.events',
  ShipmentCancellationStarted: 'shipping.events',
  ShipmentCancelled: 'shipping.events',
  ShipmentCancellationRefused: 'shipping.events',
};

/** Which participant obeys a command. */
export const addressee: Record<CommandName, Participant> = {
  ProcessPayment: 'payment',
  RefundPayment: 'payment',
  AuthorizePayment: 'payment',
  CapturePayment: 'payment',
  VoidPayment: 'payment',
  ReserveInventory: 'inventory',
  ReleaseInventory: 'inventory',
  ShipOrder: 'shipping',
  CancelShipment: 'shipping',
  CompleteOrder: 'order',
  CancelOrder: 'order',
};

/** The versions of schemas that have changed; all others are at 1. Each older one has its upcaster in `upcasters`. */
const versions: Readonly<Partial<Record<EventType | CommandName, number>>> = { SagaAdvanced: 2 };

const entriesOf = <K extends string, V>(record: Record<K, V>) => Object.entries(record) as [K, V][];

/** Every type on the wire. Versions start at 1 and grow when a schema changes in a way that old data does not fit. */
export const registry = new Map<string, Registered>([
  ...entriesOf(eventTopics).map(([type, topic]): [string, Registered] => [
    type,
    { kind: 'event', topic, version: versions[type] ?? 1, schema: eventData[type] },
  ]),
  ...entriesOf(addressee).map(([type, participant]): [string, Registered] => [
    type,
    {
      kind: 'command',
      topic: `${participant}.commands`,
      version: versions[type] ?? 1,
      schema: commandData[type],
    },
  ]),
]);

/** The entry of a type. Throws on a type that this version of Recourse does not know. */
export const registered = (type: string): Registered => {
  const entry = registry.get(type);
  if (entry === undefined)
    throw new Error(`unknown type ${type}: this version of Recourse has no schema for it`);
  return entry;
};
