import { z } from 'zod';
import { type CommandId, Country, PaymentToken, Sku } from './ids.ts';
import { Amount, Currency } from './money.ts';

/** Commands: wishes, each addressed to one participant, which answers with an event that names the command's id. */

/** Why an order is taken back: the failure, the wish or the silence that began it. */
export const Because = z.enum([
  'payment-failed',
  'inventory-failed',
  'shipping-failed',
  'customer-cancelled',
  'payment-unknown',
  'inventory-unknown',
  'shipping-unknown',
]);
export type Because = z.infer<typeof Because>;

/** Schemas of the data of every command, by wire name. */
export const commandData = {
  ProcessPayment: z.strictObject({ amount: Amount, currency: Currency, paymentToken: PaymentToken }),
  RefundPayment: z.strictObject({ currency: Currency }),
  AuthorizePayment: z.strictObject({ amount: Amount, currency: Currency, paymentToken: PaymentToken }),
  CapturePayment: z.strictObject({ amount: Amount, currency: Currency }),
  VoidPayment: z.strictObject({}),
  ReserveInventory: z.strictObject({
    /** Lines of one SKU are summed: one take a SKU. */
    lines: z.array(z.strictObject({ sku: Sku, quantity: z.int().min(1) })).min(1),
  }),
  ReleaseInventory: z.strictObject({}),
  ShipOrder: z.strictObject({ country: Country }),
  CancelShipment: z.strictObject({}),
  CompleteOrder: z.strictObject({}),
  CancelOrder: z.strictObject({ because: Because }),
} as const;

/** The wire name of a command. */
export const CommandName = z.enum(Object.keys(commandData) as [keyof typeof commandData]);
export type CommandName = z.infer<typeof CommandName>;

/** The data of a command, by wire name. */
export type CommandData = { [T in CommandName]: z.infer<(typeof commandData)[T]> };

/** A command as its participant hears it: `id` is the idempotency key of whatever it causes. */
export type Command<T extends CommandName = CommandName> = {
  [K in T]: { readonly type: K; readonly id: CommandId; readonly data: CommandData[K] };
}[T];
