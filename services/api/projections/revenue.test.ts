import { describe, expect, it } from '@jest/globals';
import { revenueProjection } from './revenue.ts';
import { folded, type Given, startedAt } from './testing/folded.ts';

const created = (country = 'France'): Given => [
  'OrderCreated',
  { currency: 'GBP', country, total: 500, lines: [] },
];
const money = { amount: 500, currency: 'GBP' };
const processed = (extra: object = {}): Given => [
  'PaymentProcessed',
  { commandId: 'c', chargeId: 'ch', ...money, ...extra },
];
const captured = (extra: object = {}): Given => [
  'PaymentCaptured',
  { commandId: 'c', captureId: 'ca', ...money, ...extra },
];
const authorized: Given = ['PaymentAuthorized', { commandId: 'c', authorizationId: 'au', ...money }];
const refunded = (extra: object = {}): Given => [
  'PaymentRefunded',
  { commandId: 'c', ...money, nothing: false, ...extra },
];
const cancelled: Given = ['OrderCancelled', { commandId: 'c', because: 'shipping-failed' }];

const days = (...events: readonly Given[]) => folded(revenueProjection, ...events)('days');
const sale = { day: '2026-01-31', currency: 'GBP', country: 'France' };

describe('the fold of revenue', () => {
  it.each([
    ['charged at once', [created(), processed()]],
    ['captured after shipment', [created(), authorized, captured()]],
  ])('counts an order that is %s', (_, events) => {
    expect(days(...events)).toEqual([{ ...sale, orders: 1, captured: 500, refunded: 0, net: 500 }]);
  });

  it('counts nothing for what was ordered or authorised only', () => {
    expect(days(created(), authorized)).toEqual([]);
  });

  it('takes the day of the capture, in UTC', () => {
    // It begins at noon of 31 January, with an event a second.
    const wait = Array.from(
      { length: 43_199 },
      (): Given => ['TimerFired', { timerId: 't', overdue: false }],
    );
    expect(new Date(startedAt + 43_199_000).toISOString()).toBe('2026-01-31T23:59:59.000Z');
    expect(days(created(), ...wait.slice(1), processed())).toMatchObject([{ day: '2026-01-31' }]);
    expect(days(created(), ...wait, processed())).toMatchObject([{ day: '2026-02-01' }]);
  });

  it('takes a refund from the day of its capture, however much later', () => {
    const wait = Array.from(
      { length: 44_000 },
      (): Given => ['TimerFired', { timerId: 't', overdue: false }],
    );
    expect(days(created(), processed(), ...wait, refunded())).toEqual([
      { ...sale, orders: 1, captured: 500, refunded: 500, net: 0 },
    ]);
  });

  it('counts what a provider says after a person once', () => {
    const person = { by: 'person' };
    const late = { late: true };
    expect(days(created(), processed(person), processed(late), refunded(person), refunded(late))).toEqual([
      { ...sale, orders: 1, captured: 500, refunded: 500, net: 0 },
    ]);
  });

  it('counts a capture that a person had denied, also after the order’s end', () => {
    const denied: Given = ['PaymentFailed', { commandId: 'c', reason: 'settled-by-person', by: 'person' }];
    expect(days(created(), denied, cancelled, processed({ late: true }))).toMatchObject([
      { orders: 1, captured: 500, net: 500 },
    ]);
  });

  it('counts nothing for a refund of nothing', () => {
    expect(days(created(), refunded({ amount: 0, nothing: true }))).toEqual([]);
  });

  it('keeps countries and currencies apart', () => {
    expect(days(created('Japan'), processed())).toMatchObject([{ country: 'Japan', currency: 'GBP' }]);
  });

  it('stays at 2^53 − 1 where a sum passes it', () => {
    const amount = Number.MAX_SAFE_INTEGER;
    const rows = days(created(), processed({ amount }), created(), processed({ amount }));
    expect(rows).toMatchObject([{ orders: 2, captured: amount, net: amount }]);
  });
});
