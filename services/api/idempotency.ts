import { hash } from 'node:crypto';
import type { OrderRequest } from '@recourse/contracts/http';
import type { OrderId, ReceiptId } from '@recourse/contracts/ids';
import { uuidV5 } from '@recourse/infra/event-id';
import { ProblemError } from './problem.ts';

/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): the key decides the id, so the thing's own stream
 * is the whole store of keys, for ever.
 */

/** Namespaces of the ids that come from keys: one a kind, so that a key may serve an order and a receipt. */
const orderKeys = 'c1f2be37-9d0f-5c54-9a0e-6d1a6a6f3c11';
const receiptKeys = 'a7cbb3a2-52b7-5f0e-8f43-0f6b7d1f92d8';

/** Who asks, while there is no authentication. */
export const anonymous = 'anonymous';

const bare = /^[\x21\x23-\x7e][\x20-\x7e]{0,254}$/;
const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$/;

/** The key of a request, quoted as the draft has it or bare; undefined without one. */
export const idempotencyKey = (header: string | string[] | undefined): string | undefined => {
  if (header === undefined) return undefined;
  const text = String(header);
  const inQuotes = quoted.exec(text);
  if (inQuotes?.[1] !== undefined) return inQuotes[1].replaceAll(/\\(["\\])/g, '$1');
  if (bare.test(text)) return text;
  const message = 'must be 1 to 255 printable ASCII characters';
  throw new ProblemError('invalid-request', `Idempotency-Key: ${message}`, {
    errors: [{ path: 'Idempotency-Key', message }],
  });
};

/** The id of the order that a principal's key names. */
export const orderIdOfKey = (principal: string, key: string): OrderId =>
  uuidV5(orderKeys, `${principal}\n${key}`) as OrderId;

/** The id of the receipt that a principal's key names. */
export const receiptIdOfKey = (principal: string, key: string): ReceiptId =>
  uuidV5(receiptKeys, `${principal}\n${key}`) as ReceiptId;

/** SHA-256 of a request in its canonical form: the same for every order of fields and every spacing. */
export const bodyHashOf = (request: OrderRequest): string =>
  hash(
    'sha256',
    JSON.stringify([
      request.customerId ?? null,
      request.currency,
      request.country,
      request.paymentToken,
      request.lines.map(({ sku, quantity, unitPrice }) => [sku, quantity, unitPrice]),
    ]),
    'base64url',
  );
