import type { OrderId, ReceiptId, Sku } from './ids.ts';

/** Names of the log's streams: a category, a dash, and whose it is. */

/** The categories whose streams belong to one order. */
export type OrderCategory = 'order' | 'saga' | 'saga-input' | 'payment' | 'inventory' | 'shipping';

/** A stream's name. */
export type StreamName = `${OrderCategory}-${OrderId}` | `stock-${Sku}` | `receipt-${ReceiptId}`;

/** The stream of one order in a category. */
export const orderStream = (category: OrderCategory, orderId: OrderId): StreamName =>
  `${category}-${orderId}`;

/** The stream of one SKU's stock. */
export const stockStream = (sku: Sku): StreamName => `stock-${sku}`;

/** The stream of one delivery of goods. */
export const receiptStream = (receiptId: ReceiptId): StreamName => `receipt-${receiptId}`;
