import { z } from 'zod';

/** Identifiers, branded at the edge so that inside no id is a bare string and no two kinds can be mixed up. */

/** A UUID (RFC 9562) in its lower-case form of 36 characters: one id has one spelling, so ids compare as strings. */
export const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const uuid = z.string().regex(uuidPattern, { error: 'must be a UUID in lower case' });

/** Names one order, its saga (`sagaId = orderId`), and the key of all its messages. */
export const OrderId = uuid.brand('OrderId').meta({ id: 'OrderId', description: 'The order, and its saga.' });
export type OrderId = z.infer<typeof OrderId>;

/** Names one record of the log; deterministic, so that a repeat has the same id. */
export const EventId = uuid.brand('EventId').meta({ id: 'EventId' });
export type EventId = z.infer<typeof EventId>;

/** Names one command; the idempotency key of the act outside that it causes. */
export const CommandId = uuid.brand('CommandId').meta({ id: 'CommandId' });
export type CommandId = z.infer<typeof CommandId>;

/** Names one timer of one saga. */
export const TimerId = uuid.brand('TimerId').meta({ id: 'TimerId' });
export type TimerId = z.infer<typeof TimerId>;

/** Names one delivery of goods into stock. */
export const ReceiptId = uuid.brand('ReceiptId').meta({ id: 'ReceiptId' });
export type ReceiptId = z.infer<typeof ReceiptId>;

/** Printable: no control characters, no lone surrogates; taken as it is, neither trimmed nor folded. */
const printable = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+$/u, { error: 'must be printable characters' });

/** A stock-keeping unit as the shop writes it: 1–64 printable characters. */
export const Sku = printable(64)
  .brand('Sku')
  .meta({ id: 'Sku', examples: ['85123A'] });
export type Sku = z.infer<typeof Sku>;

/** A country as the shop writes it (a name or a code): 1–64 printable characters. */
export const Country = printable(64).meta({ examples: ['France'] });

/** The shop's own name for a customer. Personal data. */
export const CustomerId = printable(128).brand('CustomerId').meta({ personal: true, standIn: 'customer' });
export type CustomerId = z.infer<typeof CustomerId>;

/** What the payment provider gave for a card; never a card number. Personal data. */
export const PaymentToken = printable(128)
  .brand('PaymentToken')
  .meta({ personal: true, standIn: 'tok', examples: ['tok_accepted'] });
export type PaymentToken = z.infer<typeof PaymentToken>;

/**
 * The payment provider's name for a charge or a refund; the carrier's for a shipment. Personal data: there it leads to
 * who paid, and to where the parcel went.
 */
export const Reference = printable(200).meta({ personal: true, standIn: 'reference' });

/** What a person wrote: it may say anything about anybody. Personal data. */
export const Note = z.string().max(2_000).meta({ personal: true, standIn: 'note' });
