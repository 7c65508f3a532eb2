import { describe, expect, it } from '@jest/globals';
import { v5 } from 'uuid';
import { commandId, eventId, stamp, uuidV5 } from './event-id.ts';

const cause = '0192f0a0-0000-7000-8000-000000000001';
const other = '0192f0a0-0000-7000-8000-000000000002';
const requested = { type: 'OrderCancellationRequested', data: {} } as const;

describe('an id made from its cause', () => {
  it('is the UUIDv5 that others make of the same namespace and name', () => {
    for (const name of ['', 'order', 'ß → 円 😀', 'x'.repeat(10_000)]) {
      expect(uuidV5(cause, name)).toBe(v5(name, cause));
    }
  });

  it('is the same for the same cause, index, type and data, and another for any other', () => {
    const id = eventId(cause, 0, 'OrderCancelled', { because: 'payment-failed' });
    expect(eventId(cause, 0, 'OrderCancelled', { because: 'payment-failed' })).toBe(id);
    const others = [
      eventId(other, 0, 'OrderCancelled', { because: 'payment-failed' }),
      eventId(cause, 1, 'OrderCancelled', { because: 'payment-failed' }),
      eventId(cause, 0, 'OrderCompleted', { because: 'payment-failed' }),
      eventId(cause, 0, 'OrderCancelled', { because: 'shipping-failed' }),
      commandId(cause, 0, 'OrderCancelled', { because: 'payment-failed' }),
    ];
    expect(new Set([id, ...others]).size).toBe(others.length + 1);
  });

  it('tells apart events that one cause makes alike', () => {
    const [first, second] = stamp([requested, requested], cause, cause);
    expect(first!.id).not.toBe(second!.id);
    expect(stamp([requested, requested], cause, cause)).toEqual([first, second]);
  });
});
