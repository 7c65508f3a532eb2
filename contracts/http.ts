import { z } from 'zod';
import { CommandName } from './commands.ts';
import { CloudEvent } from './envelope.ts';
import { OrderLine, Quantity, Shortage } from './events.ts';
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

/** What the HTTP API takes and gives. `/openapi.json` is made of these. */

/** Milliseconds never appear on the wire: times are RFC 3339 in UTC. */
const Time = z.iso.datetime().meta({ examples: ['2026-01-31T12:00:00.000Z'] });

/** A place in the log: opaque, and it sorts. */
export const Position = z
  .string()
  .regex(/^\d{16}$/)
  .meta({ id: 'Position', description: 'Opaque; sorts.' });

/** Writes a time for readers: milliseconds since 1970 as RFC 3339 in UTC. */
export const rfc3339 = (time: number): string => new Date(time).toISOString();

/** Writes a position for readers. */
export const formatPosition = (position: number): string => String(position).padStart(16, '0');

/** The body of `POST /orders`. */
export const OrderRequest = z
  .strictObject({
    customerId: CustomerId.optional(),
    currency: Currency,
    country: Country,
    paymentToken: PaymentToken,
    lines: z.array(OrderLine).min(1).max(1_000),
  })
  .meta({ id: 'OrderRequest' });
export type OrderRequest = z.infer<typeof OrderRequest>;

/** Where an order stands, for its customer. */
export const OrderState = z.enum(['open', 'cancelling', 'completed', 'cancelled']).meta({ id: 'OrderState' });
export type OrderState = z.infer<typeof OrderState>;

/** What became of each part of an order. */
const Part = {
  payment: z.enum([
    'none',
    'started',
    'processed',
    'failed',
    'refunding',
    'refunded',
    'authorized',
    'capturing',
    'captured',
    'voiding',
    'voided',
  ]),
  inventory: z.enum(['none', 'started', 'reserved', 'failed', 'releasing', 'released']),
  shipping: z.enum(['none', 'started', 'shipped', 'failed', 'cancelling', 'cancelled']),
};

/** One order, folded from its own streams. */
export const Order = z
  .strictObject({
    orderId: OrderId,
    state: OrderState,
    customerId: CustomerId.nullable(),
    currency: Currency,
    country: Country,
    total: Amount,
    lines: z.array(OrderLine),
    ...Part,
    /** Why it was, or is being, taken back. */
    because: z.string().nullable(),
    shortages: z.array(Shortage),
    /** The customer asked to cancel when the parcel was already gone. */
    cancellationRefused: z.boolean(),
    shipmentId: Reference.nullable(),
    createdAt: Time,
    updatedAt: Time,
    endedAt: Time.nullable(),
  })
  .meta({ id: 'Order' });
export type Order = z.infer<typeof Order>;

/** An order in a list. */
export const OrderSummary = z
  .strictObject({
    orderId: OrderId,
    state: OrderState,
    customerId: CustomerId.nullable(),
    currency: Currency,
    country: Country,
    total: Amount,
    because: z.string().nullable(),
    createdAt: Time,
    endedAt: Time.nullable(),
  })
  .meta({ id: 'OrderSummary' });
export type OrderSummary = z.infer<typeof OrderSummary>;

const listOf = <T extends z.ZodType>(item: T, name: string) =>
  z
    .strictObject({
      items: z.array(item),
      /** Ask for the next page with `?cursor=`; null on the last. */
      nextCursor: z.string().nullable(),
      /** The position of the log that the list shows. */
      position: Position,
    })
    .meta({ id: name });

/** `GET /orders`. */
export const OrderList = listOf(OrderSummary, 'OrderList');
export type OrderList = z.infer<typeof OrderList>;

const page = {
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(200).optional(),
};

/** The query of `GET /orders`; `from` inclusive, `to` exclusive, by the time of creation; newest first. */
export const OrderListQuery = z.strictObject({
  customerId: CustomerId.optional(),
  state: OrderState.optional(),
  from: Time.optional(),
  to: Time.optional(),
  ...page,
});
export type OrderListQuery = z.infer<typeof OrderListQuery>;

/** The states of a saga: `accepted` before its first step, then those of the chart. */
export const SagaState = z
  .enum([
    'accepted',
    'paying',
    'authorizing',
    'reserving',
    'shipping',
    'capturing',
    'completing',
    'cancellingShipment',
    'releasing',
    'voiding',
    'refunding',
    'cancelling',
    'completed',
    'cancelled',
  ])
  .meta({ id: 'SagaState' });
export type SagaState = z.infer<typeof SagaState>;

/** One step of a saga, as `SagaAdvanced` records it. */
export const SagaStep = z
  .strictObject({
    revision: z.int(),
    at: Time,
    heard: z.strictObject({ id: EventId, type: z.string(), stream: z.string(), revision: z.int() }),
    state: SagaState,
    commands: z.array(z.strictObject({ id: CommandId, type: CommandName })),
  })
  .meta({ id: 'SagaStep' });

/** A saga, as it is or as it was. */
export const Saga = z
  .strictObject({
    sagaId: OrderId,
    state: SagaState,
    machine: z.strictObject({ name: z.string(), version: z.int() }).nullable(),
    /** The revision of its stream that this shows; −1 before its first step. */
    revision: z.int(),
    because: z.string().nullable(),
    /** The command that has not been answered, how often it was asked (asks that count), and the timer that asks again. */
    waitsFor: z
      .strictObject({ commandId: CommandId, type: CommandName, asks: z.int(), timerId: TimerId.nullable() })
      .nullable(),
    deadline: Time.nullable(),
    stuck: z.boolean(),
    /** Why a person should look: `deadline`, `asked-often`, `late-answer`, `overdue`, `dead-letter`. */
    flags: z.array(z.string()),
    /** The last 1,000 of those up to `revision`; the history has them all. */
    steps: z.array(SagaStep),
    /** What the chart could hear next, and the state it would lead to. */
    next: z.array(z.strictObject({ event: z.string(), state: SagaState })),
  })
  .meta({ id: 'Saga' });
export type Saga = z.infer<typeof Saga>;

/** A saga in a list. */
export const SagaSummary = z
  .strictObject({
    sagaId: OrderId,
    state: SagaState,
    because: z.string().nullable(),
    stuck: z.boolean(),
    /** As in `Saga`: `deadline`, `asked-often`, `late-answer`, `overdue`, `dead-letter`. */
    flags: z.array(z.string()),
    waitsFor: z.string().nullable(),
    startedAt: Time,
    updatedAt: Time,
    deadline: Time,
    endedAt: Time.nullable(),
  })
  .meta({ id: 'SagaSummary' });
export type SagaSummary = z.infer<typeof SagaSummary>;

/** `GET /sagas`. */
export const SagaList = listOf(SagaSummary, 'SagaList');
export type SagaList = z.infer<typeof SagaList>;

/** The query of `GET /sagas`. */
export const SagaListQuery = z.strictObject({
  state: SagaState.optional(),
  stuck: z.stringbool().optional(),
  from: Time.optional(),
  to: Time.optional(),
  ...page,
});
export type SagaListQuery = z.infer<typeof SagaListQuery>;

/** `GET /sagas/:id/history`: every event of the order's streams and what it moved in the stock, in the order of the log. */
export const History = z
  .strictObject({ sagaId: OrderId, events: z.array(CloudEvent) })
  .meta({ id: 'History' });
export type History = z.infer<typeof History>;

/** `GET /orders/:id/cancel-preview`. */
export const CancelPreview = z
  .strictObject({
    orderId: OrderId,
    /** Whether cancelling would be accepted now. */
    cancellable: z.boolean(),
    reason: z.string().nullable(),
    /** The commands that would take the order back, in their order, with what each would undo. */
    undo: z.array(z.strictObject({ command: CommandName, undoes: z.string(), certain: z.boolean() })),
  })
  .meta({ id: 'CancelPreview' });
export type CancelPreview = z.infer<typeof CancelPreview>;

/** The body of `POST /sagas/:id/retry`. */
export const RetryRequest = z.strictObject({ note: Note.optional() }).meta({ id: 'RetryRequest' });

/** The body of `POST /sagas/:id/resolve`: what a person found out about an act outside. */
export const ResolveRequest = z
  .strictObject({
    commandId: CommandId,
    /** The answer to give: the wire name of an answer to that command. */
    outcome: z.enum([
      'PaymentProcessed',
      'PaymentFailed',
      'PaymentRefunded',
      'PaymentAuthorized',
      'AuthorizationFailed',
      'PaymentCaptured',
      'PaymentVoided',
      'OrderShipped',
      'ShippingFailed',
      'ShipmentCancelled',
      'ShipmentCancellationRefused',
    ]),
    /** The provider's or carrier's own reference for it. */
    reference: Reference,
    note: Note.min(1),
    /** For an undo, or a capture, of a step whose own outcome is not known: what became of that step. */
    openOutcome: z
      .enum([
        'PaymentProcessed',
        'PaymentFailed',
        'PaymentAuthorized',
        'AuthorizationFailed',
        'OrderShipped',
        'ShippingFailed',
      ])
      .optional(),
  })
  .meta({ id: 'ResolveRequest' });
export type ResolveRequest = z.infer<typeof ResolveRequest>;

/** The body of `POST /inventory/:sku/receipts`. */
export const ReceiptRequest = z.strictObject({ quantity: Quantity }).meta({ id: 'ReceiptRequest' });

/** Goods taken in. */
export const Receipt = z
  .strictObject({ receiptId: ReceiptId, sku: Sku, quantity: Quantity, onHand: z.int() })
  .meta({ id: 'Receipt' });
export type Receipt = z.infer<typeof Receipt>;

/** `GET /inventory/:sku`: stock now. */
export const Stock = z
  .strictObject({ sku: Sku, onHand: z.int(), revision: z.int(), updatedAt: Time })
  .meta({ id: 'Stock' });
export type Stock = z.infer<typeof Stock>;

/** A message that a consumer group could not handle. */
export const DeadLetter = z
  .strictObject({
    id: z.string(),
    group: z.string(),
    topic: z.string(),
    orderId: OrderId,
    type: z.string(),
    messageId: z.string(),
    attempts: z.int(),
    error: z.string(),
    parkedAt: Time,
    message: z.unknown(),
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetter = z.infer<typeof DeadLetter>;

/** `GET /dead-letters`. */
export const DeadLetterList = z
  .strictObject({ items: z.array(DeadLetter), nextCursor: z.string().nullable() })
  .meta({ id: 'DeadLetterList' });
export type DeadLetterList = z.infer<typeof DeadLetterList>;

/** The body of `POST /dead-letters/:id/discard`. */
export const DiscardRequest = z.strictObject({ note: Note.min(1) }).meta({ id: 'DiscardRequest' });

/** `GET /ledger`: three comparisons at one position. */
export const Ledger = z
  .strictObject({
    position: Position,
    /** Per currency, minor units: captured − refunded = completed + held. */
    money: z.array(
      z.strictObject({
        currency: Currency,
        captured: z.int(),
        refunded: z.int(),
        completed: z.int(),
        held: z.int(),
        /** What a person, not the provider, settled; part of captured and refunded. */
        capturedByPerson: z.int(),
        refundedByPerson: z.int(),
        /** What was ever authorised; what of it was voided; what of it is neither captured nor voided yet. */
        authorized: z.int(),
        voided: z.int(),
        authorizedOpen: z.int(),
      }),
    ),
    /** Over all SKUs, pieces: received = onHand + reserved + shipped. Checked for each SKU; violations name it. */
    stock: z.strictObject({
      skus: z.int(),
      received: z.int(),
      onHand: z.int(),
      reserved: z.int(),
      shipped: z.int(),
    }),
    /** The provider's and the carrier's books against the log. */
    books: z.strictObject({
      charges: z.int(),
      refunds: z.int(),
      authorizations: z.int(),
      captures: z.int(),
      voids: z.int(),
      shipments: z.int(),
      cancellations: z.int(),
      /** Entries whose intent has no outcome in the log yet. */
      inFlight: z.int(),
    }),
    orders: z.strictObject({ open: z.int(), completed: z.int(), cancelled: z.int() }),
    /** What does not balance, each with a stable code; empty when all is well. */
    violations: z.array(z.strictObject({ code: z.string(), subject: z.string(), detail: z.string() })),
  })
  .meta({ id: 'Ledger' });
export type Ledger = z.infer<typeof Ledger>;

/** Every error: RFC 9457, with a code that stays. */
export const Problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    instance: z.string().optional(),
    errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

/** The codes of problems: they do not change. */
export const problemCodes = {
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'invalid-request': { status: 400, title: 'The request is not valid' },
  'invalid-id': { status: 400, title: 'The id is not one' },
  'unknown-version': { status: 400, title: 'This Recourse does not know that version' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'This resource does not do that' },
  'order-shipped': { status: 409, title: 'The order has been shipped' },
  'order-completed': { status: 409, title: 'The order is completed' },
  'saga-ended': { status: 409, title: 'The saga has ended' },
  'not-outstanding': { status: 409, title: 'That command is not outstanding' },
  'not-resolvable': { status: 409, title: 'That outcome does not answer that command' },
  'rebuild-running': { status: 409, title: 'A rebuild is running already' },
  'verification-running': { status: 409, title: 'A verification is running already' },
  'backup-running': { status: 409, title: 'A backup is being taken already' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be JSON' },
  'unknown-sku': { status: 422, title: 'A SKU is not known' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key was used for another request' },
  'money-overflow': { status: 400, title: 'The amount is too large' },
  overloaded: { status: 503, title: 'Too many orders are open' },
  unavailable: { status: 503, title: 'That is not available now' },
  starting: { status: 503, title: 'The service is starting' },
  'read-only': { status: 503, title: 'The data folder is open for reading only' },
  'no-space': { status: 507, title: 'The disk has no room for that' },
  stopping: { status: 503, title: 'The service is stopping' },
  internal: { status: 500, title: 'Something went wrong here' },
  'not-in-distributed': { status: 501, title: 'A distributed installation does not do that' },
} as const satisfies Record<string, { status: number; title: string }>;
export type ProblemCode = keyof typeof problemCodes;
