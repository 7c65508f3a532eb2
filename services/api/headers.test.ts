import { describe, expect, it } from '@jest/globals';
import { OrderRequest } from '@recourse/contracts/http';
import { orderOf } from '../../test/api-kit.ts';
import { anonymous, bodyHashOf, idempotencyKey, orderIdOfKey, receiptIdOfKey } from './idempotency.ts';
import { preferredWait } from './prefer.ts';

describe('Prefer: wait', () => {
  it.each([
    ['wait=10', 10],
    ['wait=0', 0],
    ['respond-async, wait=5', 5],
    ['Wait = "7"; why=not, return=minimal', 7],
    ['wait=600', 60],
  ])('%s asks for %i s', (header, seconds) => {
    expect(preferredWait(header, 60)).toBe(seconds);
  });

  it.each(['wait', 'wait=', 'wait=soon', 'wait=-1', 'wait=1.5', 'await=3', 'respond-async', ''])(
    '%s asks for none',
    (header) => expect(preferredWait(header, 60)).toBeUndefined(),
  );

  it('is no wait where there is no such header', () => {
    expect(preferredWait(undefined, 60)).toBeUndefined();
  });
});

describe('an Idempotency-Key', () => {
  it.each([
    ['abc', 'abc'],
    ['"abc"', 'abc'],
    ['"a \\"b\\" \\\\c"', 'a "b" \\c'],
    ['invoice 536365', 'invoice 536365'],
    ['x'.repeat(255), 'x'.repeat(255)],
  ])('%s is the key %s', (header, key) => {
    expect(idempotencyKey(header)).toBe(key);
  });

  it('names one order and one receipt for each principal and key, for ever', () => {
    expect(orderIdOfKey(anonymous, 'invoice-536365')).toBe('117ffd99-3886-5948-bd9f-ecf822d98ff6');
    expect(orderIdOfKey(anonymous, 'k')).not.toBe(orderIdOfKey('somebody', 'k'));
    expect(orderIdOfKey(anonymous, 'k')).not.toBe(receiptIdOfKey(anonymous, 'k'));
  });
});

describe('the hash of a body', () => {
  const hashOf = (changes: Record<string, unknown>) => bodyHashOf(OrderRequest.parse(orderOf(changes)));

  it('differs with every field', () => {
    const line = { sku: '85123A', quantity: 2, unitPrice: 255 };
    const hashes = [
      {},
      { customerId: undefined },
      { customerId: 'customer-2' },
      { currency: 'EUR' },
      { country: 'Spain' },
      { paymentToken: 'tok_other' },
      { lines: [line, line] },
      { lines: [{ ...line, sku: '22086' }] },
      { lines: [{ ...line, quantity: 1 }] },
      { lines: [{ ...line, unitPrice: 1 }] },
    ].map(hashOf);
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('does not hang on the order of the fields', () => {
    const { lines, ...rest } = orderOf();
    expect(bodyHashOf(OrderRequest.parse({ lines, ...rest }))).toBe(hashOf({}));
  });
});
