import { describe, expect, it } from '@jest/globals';
import { compensationsProjection } from './compensations.ts';
import { folded, type Given, orderId, startedAt } from './testing/folded.ts';

const advanced = (value: string, because?: string, heard = 'OrderCreated'): Given => [
  'SagaAdvanced',
  { input: { type: heard }, state: { value, status: 'active', context: { because } } },
];
const refunded = (extra: object = {}): Given => [
  'PaymentRefunded',
  { commandId: 'c', amount: 500, currency: 'GBP', nothing: false, ...extra },
];
const cancelled = (because: string): Given => advanced('cancelled', because, 'OrderCancelled');
const completed = (cancellationRefused = false): Given => [
  'OrderCompleted',
  { commandId: 'c', cancellationRefused },
];
const refused = advanced('completing', undefined, 'ShipmentCancellationRefused');

const rows = (table: string, ...events: readonly Given[]) =>
  folded(compensationsProjection, ...events)(table);
const reasons = (...events: readonly Given[]) => rows('reasons', ...events);

describe('the fold of compensations', () => {
  it('knows nothing of an order that goes forward', () => {
    const events = [advanced('paying'), advanced('reserving'), advanced('completing'), completed()];
    expect(reasons(...events)).toEqual([]);
    expect(rows('orders', ...events)).toEqual([]);
  });

  it('shows an order from the first step of its way back on', () => {
    expect(rows('orders', advanced('shipping'), advanced('releasing', 'shipping-failed'))).toEqual([
      {
        position: 2,
        orderId,
        because: 'shipping-failed',
        step: 'shipping',
        outcome: null,
        currency: null,
        refunded: 0,
        voided: 0,
        startedAt: startedAt + 1_000,
        endedAt: null,
      },
    ]);
  });

  it('counts an order that was taken back, and what it was given', () => {
    const events = [
      advanced('releasing', 'shipping-failed'),
      advanced('refunding', 'shipping-failed'),
      refunded(),
      advanced('cancelling', 'shipping-failed'),
    ];
    expect(rows('refunds', ...events)).toEqual([
      { because: 'shipping-failed', currency: 'GBP', refunds: 1, refunded: 500 },
    ]);
    expect(reasons(...events)).toEqual([]);
    expect(reasons(...events, cancelled('shipping-failed'))).toEqual([
      {
        because: 'shipping-failed',
        step: 'shipping',
        outcome: 'cancelled',
        orders: 1,
        refunds: 1,
        voids: 0,
        lastAt: startedAt + 4_000,
      },
    ]);
  });

  it.each([
    ['payment-failed', 'cancelling', 'payment'],
    ['payment-unknown', 'refunding', 'payment'],
    ['payment-unknown', 'voiding', 'payment'],
    ['inventory-failed', 'refunding', 'inventory'],
    ['inventory-failed', 'voiding', 'inventory'],
    ['inventory-unknown', 'releasing', 'inventory'],
    ['shipping-failed', 'releasing', 'shipping'],
    ['shipping-unknown', 'cancellingShipment', 'shipping'],
    ['customer-cancelled', 'refunding', 'payment'],
    ['customer-cancelled', 'voiding', 'payment'],
    ['customer-cancelled', 'releasing', 'inventory'],
    ['customer-cancelled', 'cancellingShipment', 'shipping'],
  ])('says of %s, undone from %s on, that it was the step %s', (because, state, step) => {
    const events = [advanced(state, because), advanced('cancelling', because), cancelled(because)];
    expect(reasons(...events)).toMatchObject([{ because, step, outcome: 'cancelled', orders: 1 }]);
  });

  it('counts authorisations that were voided, and no money for them', () => {
    const voided: Given = ['PaymentVoided', { commandId: 'c', voidId: 'v', nothing: false }];
    const events = [advanced('voiding', 'inventory-failed'), voided, cancelled('inventory-failed')];
    expect(reasons(...events)).toMatchObject([{ orders: 1, voids: 1, refunds: 0 }]);
    expect(rows('refunds', ...events)).toEqual([]);
  });

  it('counts nothing given back where nothing had been paid', () => {
    const nothing: Given = ['PaymentVoided', { commandId: 'c', nothing: true }];
    for (const undone of [refunded({ amount: 0, nothing: true }), nothing]) {
      const events = [advanced('voiding', 'payment-unknown'), undone, cancelled('payment-unknown')];
      expect(reasons(...events)).toMatchObject([{ orders: 1, voids: 0, refunds: 0 }]);
      expect(rows('refunds', ...events)).toEqual([]);
    }
  });

  it('counts a refund once that a person told first', () => {
    const events = [
      advanced('refunding', 'inventory-failed'),
      refunded({ by: 'person' }),
      refunded({ late: true }),
    ];
    expect(rows('refunds', ...events)).toMatchObject([{ refunds: 1, refunded: 500 }]);
  });

  it('counts an order once whose saga takes a step between an answer and the step that hears it', () => {
    const answered: Given = ['OrderCancelled', { commandId: 'c', because: 'payment-failed' }];
    const noted = advanced('cancelling', 'payment-failed', 'OrderCancellationRequested');
    const back = [advanced('cancelling', 'payment-failed'), answered, noted, cancelled('payment-failed')];
    expect(rows('orders', ...back)).toMatchObject([{ position: 1, outcome: 'cancelled' }]);
    expect(reasons(...back)).toMatchObject([{ because: 'payment-failed', orders: 1 }]);

    const gone: Given = ['ShipmentCancellationRefused', { commandId: 'c', reason: 'gone' }];
    const moved = advanced('cancellingShipment', 'shipping-unknown', 'SagaMigrationRequested');
    const forward = [advanced('cancellingShipment', 'shipping-unknown'), gone, moved, refused, completed()];
    expect(rows('orders', ...forward)).toMatchObject([{ position: 1, outcome: 'completed' }]);
    expect(reasons(...forward)).toMatchObject([{ because: 'shipping-unknown', orders: 1 }]);
  });

  describe('tells of orders that it was too late to take back', () => {
    it('as the customer wished, who asked while the parcel went', () => {
      const events = [advanced('cancellingShipment', 'customer-cancelled'), refused, advanced('completing')];
      expect(reasons(...events)).toEqual([]);
      expect(reasons(...events, completed(true))).toMatchObject([
        { because: 'customer-cancelled', step: 'shipping', outcome: 'completed', orders: 1 },
      ]);
    });

    it('as the customer wished, who asked when it was gone', () => {
      expect(reasons(advanced('completing'), completed(true))).toMatchObject([
        { because: 'customer-cancelled', step: 'shipping', outcome: 'completed', orders: 1 },
      ]);
    });

    it('because nobody knew whether it had gone', () => {
      const events = [advanced('cancellingShipment', 'shipping-unknown'), refused, advanced('completing')];
      expect(reasons(...events, completed())).toMatchObject([
        { because: 'shipping-unknown', step: 'shipping', outcome: 'completed', orders: 1 },
      ]);
    });

    it('in version 2, where its money is captured then', () => {
      const forward = advanced('capturing', undefined, 'ShipmentCancellationRefused');
      const events = [advanced('cancellingShipment', 'shipping-unknown'), forward, completed()];
      expect(reasons(...events)).toMatchObject([{ because: 'shipping-unknown', outcome: 'completed' }]);
    });

    it('but not where a person had said otherwise before', () => {
      const late = advanced('releasing', 'shipping-unknown', 'ShipmentCancellationRefused');
      const events = [advanced('cancellingShipment', 'shipping-unknown'), late];
      expect(reasons(...events, cancelled('shipping-unknown'))).toMatchObject([
        { because: 'shipping-unknown', outcome: 'cancelled', orders: 1 },
      ]);
    });
  });
});
