import { z } from 'zod';
import { Because, CommandName } from './commands.ts';
import {
  CommandId,
  Country,
  CustomerId,
  EventId,
  Note,
  OrderId,
  PaymentToken,
  ReceiptId,
  Reference,
  Sku,
  TimerId,
} from './ids.ts';
import { Amount, Currency } from './money.ts';

/**
 * The data of every event: facts in the past tense, immutable. What a stream's name already says (the order, the
 * SKU, the receipt) is not said again. `version` counts the changes of a schema, from 1.
 */

/** Quantity of pieces, at least one. */
export const Quantity = z.int().min(1).max(1_000_000_000);

/** A line of an order as the caller gave it; unitPrice in minor units. */
export const OrderLine = z.strictObject({
  sku: Sku,
  quantity: Quantity,
  unitPrice: Amount.min(1),
});
export type OrderLine = z.infer<typeof OrderLine>;

/** What an answer says besides, when a person gave it (`POST /sagas/:id/resolve`) or when it came after that. */
const settlement = {
  /** Set when a person, not the provider, said what happened. */
  by: z.literal('person').optional(),
  reference: Reference.optional(),
  note: Note.optional(),
  /** The provider's own answer, learned after a person had given another: recorded and flagged, decides nothing. */
  late: z.literal(true).optional(),
};

const answer = <T extends z.ZodRawShape>(shape: T) => z.strictObject({ commandId: CommandId, ...shape });
const settled = <T extends z.ZodRawShape>(shape: T) => answer({ ...shape, ...settlement });

/** Why a SKU could not be reserved. */
export const Shortage = z.strictObject({
  sku: Sku,
  /** The sum of an order's lines of this SKU. */
  requested: z.int().min(1),
  onHand: z.int().min(0),
  reason: z.enum(['unknown-sku', 'insufficient-stock']),
});
export type Shortage = z.infer<typeof Shortage>;

/** The participants, each with its own streams, events and commands. */
export const Participant = z.enum(['order', 'payment', 'inventory', 'shipping']);
export type Participant = z.infer<typeof Participant>;

/** Why a person should look at a saga. */
export const SagaFlag = z.enum(['deadline', 'asked-often', 'late-answer']);
export type SagaFlag = z.infer<typeof SagaFlag>;

/** What the saga waits for: one command at a time. */
export const Outstanding = z.strictObject({
  commandId: CommandId,
  type: CommandName,
  /** How often it was asked again because no answer came, although the participant had begun. */
  asks: z.int().min(0),
  /** The participant has not begun: the command is still queued, and asked again at the longest interval only. */
  queued: z.literal(true).optional(),
});
export type Outstanding = z.infer<typeof Outstanding>;

/** Which of an order's streams a saga hears: its participants', and the one for timers and people. */
const Heard = z.enum([...Participant.options, 'saga-input']);

/** The saga's context: what it must remember besides the name of its state. */
export const SagaContext = z.strictObject({
  /** The last revision heard of each stream of the order. */
  sequence: z.partialRecord(Heard, z.int().min(0)),
  outstanding: Outstanding.optional(),
  /** The timers now set. */
  askTimer: TimerId.optional(),
  deadlineTimer: TimerId.optional(),
  because: Because.optional(),
  /** From version 2 of the machine on: the money was captured, so taking it back is a refund. */
  captured: z.literal(true).optional(),
  /** True once the customer has asked to cancel. */
  cancelRequested: z.literal(true).optional(),
  /** Reasons for which a person should look at this saga. */
  flags: z.array(SagaFlag).optional(),
});
export type SagaContext = z.infer<typeof SagaContext>;

/** A timer as a duration; who counts it has a clock of its own. */
export const TimerSet = z.strictObject({
  id: TimerId,
  kind: z.enum(['ask', 'deadline']),
  afterMs: z.int().min(0),
});
export type TimerSet = z.infer<typeof TimerSet>;

/** A command as `SagaAdvanced` records it: it becomes a message when it is delivered. */
export const IssuedCommand = z.strictObject({
  id: CommandId,
  type: CommandName,
  /** The version of the command's schema; 1 where it is left out. */
  version: z.int().min(2).optional(),
  data: z.unknown(),
});

const sagaAdvanced = z.strictObject({
  /** What was heard, not its body. `started`: whether the participant's intent was seen when a timer asked. */
  input: z.strictObject({
    id: EventId,
    type: z.string(),
    category: Heard,
    revision: z.int().min(0),
    started: z.boolean().optional(),
  }),
  machine: z.strictObject({ name: z.literal('order-saga'), version: z.int().min(1) }),
  state: z.strictObject({ value: z.string(), status: z.enum(['active', 'done']), context: SagaContext }),
  commands: z.array(IssuedCommand),
  timers: z.strictObject({ set: z.array(TimerSet), cancelled: z.array(TimerId) }),
});

/** Schemas of the data of every event, by wire name. */
export const eventData = {
  OrderCreated: z.strictObject({
    customerId: CustomerId.nullable(),
    currency: Currency,
    country: Country,
    paymentToken: PaymentToken,
    lines: z.array(OrderLine).min(1).max(1_000),
    total: Amount,
    /**
     * SHA-256 of the request's canonical body: tells a repeat from another order under the same key. Personal data: it
     * could confirm a guess at what the body said.
     */
    bodyHash: z.string().meta({ personal: true, standIn: 'hash' }),
  }),
  OrderCancellationRequested: z.strictObject({}),
  OrderCompleted: answer({ cancellationRefused: z.boolean() }),
  OrderCancelled: answer({ because: Because }),

  SagaAdvanced: sagaAdvanced,
  TimerFired: z.strictObject({ timerId: TimerId, overdue: z.boolean() }),
  /** A wish to go on with another version of the machine, granted only while the saga stands at this revision. */
  SagaMigrationRequested: z.strictObject({
    from: z.int().min(1),
    to: z.int().min(1),
    /** The revision of `saga-<id>` at which it was found that the saga could move. */
    atRevision: z.int().min(0),
    note: Note.optional(),
  }),
  RetryRequested: z.strictObject({ note: Note.optional() }),

  PaymentStarted: answer({ amount: Amount, currency: Currency, paymentToken: PaymentToken }),
  PaymentProcessed: settled({ chargeId: Reference, amount: Amount, currency: Currency }),
  PaymentFailed: settled({ reason: z.string() }),
  RefundStarted: answer({ chargeId: Reference, amount: Amount, currency: Currency }),
  PaymentRefunded: settled({
    amount: Amount,
    currency: Currency,
    refundId: Reference.optional(),
    /** Nothing had been charged: a tombstone, which refuses a late ProcessPayment. */
    nothing: z.boolean(),
  }),

  AuthorizationStarted: answer({ amount: Amount, currency: Currency, paymentToken: PaymentToken }),
  PaymentAuthorized: settled({ authorizationId: Reference, amount: Amount, currency: Currency }),
  AuthorizationFailed: settled({ reason: z.string() }),
  CaptureStarted: answer({ authorizationId: Reference, amount: Amount, currency: Currency }),
  PaymentCaptured: settled({ captureId: Reference, amount: Amount, currency: Currency }),
  VoidStarted: answer({ authorizationId: Reference }),
  PaymentVoided: settled({
    voidId: Reference.optional(),
    /** Nothing had been authorised: a tombstone, which refuses a late AuthorizePayment. */
    nothing: z.boolean(),
  }),

  ReservationStarted: answer({
    /** One take a SKU, with the head revision of its stream when the reservation began (−1: no such stream). */
    lines: z.array(z.strictObject({ sku: Sku, quantity: z.int().min(1), revision: z.int().min(-1) })),
  }),
  InventoryReserved: answer({}),
  InventoryFailed: answer({ shortages: z.array(Shortage) }),
  ReleaseStarted: answer({
    because: z.enum(['shortage', 'release']),
    shortages: z.array(Shortage).optional(),
    /**
     * Where a complete reservation is given back: the head revision of each SKU's stream when the release began, in
     * the order of the reservation's lines. No StockReturned of this order stands before them.
     */
    revisions: z.array(z.int().min(0)).optional(),
  }),
  InventoryReleased: answer({ nothing: z.boolean() }),

  ReceiptStarted: z.strictObject({ sku: Sku, quantity: Quantity, revision: z.int().min(-1) }),
  StockReceived: z.strictObject({ receiptId: ReceiptId, quantity: Quantity, onHand: z.int().min(0) }),
  StockTaken: z.strictObject({ orderId: OrderId, quantity: Quantity, onHand: z.int().min(0) }),
  /** Quantity 0: nothing had been taken; it stands there so that a taker that was paused stops. */
  StockReturned: z.strictObject({ orderId: OrderId, quantity: z.int().min(0), onHand: z.int().min(0) }),

  ShipmentStarted: answer({ country: Country }),
  OrderShipped: settled({ shipmentId: Reference }),
  ShippingFailed: settled({ reason: z.string() }),
  ShipmentCancellationStarted: answer({}),
  ShipmentCancelled: settled({ nothing: z.boolean() }),
  ShipmentCancellationRefused: settled({ reason: z.string() }),
} as const;

/** The wire name of an event. */
export type EventType = keyof typeof eventData;

/** The data of an event, by wire name. */
export type EventData = { [T in EventType]: z.infer<(typeof eventData)[T]> };

/** An event that is yet to be stored: its wire name and its data. */
export type DomainEvent<T extends EventType = EventType> = {
  [K in T]: { readonly type: K; readonly data: EventData[K] };
}[T];
