import { describe, expect, it } from '@jest/globals';
import { ordersProjection } from './orders.ts';
import { folded, type Given, orderId, startedAt } from './testing/folded.ts';

const created: Given = [
  'OrderCreated',
  { customerId: 'c-1', currency: 'GBP', country: 'France', total: 500, lines: [] },
];
const advanced = (value: string, context: object = {}): Given => [
  'SagaAdvanced',
  { state: { value, status: 'active', context }, timers: { set: [], cancelled: [] }, commands: [] },
];
const requested: Given = ['OrderCancellationRequested', {}];
const completed: Given = ['OrderCompleted', { commandId: 'c', cancellationRefused: false }];
const cancelled: Given = ['OrderCancelled', { commandId: 'c', because: 'shipping-failed' }];

const order = (...events: readonly Given[]) => folded(ordersProjection, ...events)('orders')[0];
const counts = (...events: readonly Given[]) =>
  Object.fromEntries(
    folded(ordersProjection, ...events)('counts').map(({ state, orders }) => [state, orders]),
  );

describe('the fold of orders', () => {
  it('shows an order from its creation on', () => {
    expect(order(created)).toEqual({
      position: 1,
      orderId,
      state: 'open',
      customerId: 'c-1',
      currency: 'GBP',
      country: 'France',
      total: 500,
      because: null,
      createdAt: startedAt,
      endedAt: null,
    });
  });

  it.each(['paying', 'authorizing', 'reserving', 'shipping', 'capturing', 'completing'])(
    'is open while its saga is %s',
    (state) => {
      expect(order(created, advanced(state))).toMatchObject({ state: 'open', because: null });
    },
  );

  it.each(['cancellingShipment', 'releasing', 'refunding', 'voiding', 'cancelling'])(
    'is being cancelled, and says why, while its saga is %s',
    (state) => {
      expect(order(created, advanced(state, { because: 'payment-unknown' }))).toMatchObject({
        state: 'cancelling',
        because: 'payment-unknown',
        endedAt: null,
      });
    },
  );

  it('is being cancelled from the request on', () => {
    expect(order(created, advanced('paying'), requested)).toMatchObject({
      state: 'cancelling',
      because: 'customer-cancelled',
    });
  });

  it.each(['capturing', 'completing'])(
    'goes forward again, to %s, when the parcel was already gone',
    (state) => {
      const events = [created, requested, advanced('cancellingShipment', { because: 'customer-cancelled' })];
      expect(order(...events, advanced(state, { cancelRequested: true }))).toMatchObject({
        state: 'open',
        because: null,
      });
    },
  );

  it('ends completed, with no reason', () => {
    expect(order(created, requested, completed)).toMatchObject({
      state: 'completed',
      because: null,
      endedAt: startedAt + 2_000,
    });
  });

  it('ends cancelled, with the reason that its end gives', () => {
    expect(order(created, advanced('cancelling', { because: 'shipping-failed' }), cancelled)).toMatchObject({
      state: 'cancelled',
      because: 'shipping-failed',
      endedAt: startedAt + 2_000,
    });
  });

  it('stays as it ended, whatever its saga says after that', () => {
    expect(order(created, completed, advanced('cancelling'))).toMatchObject({
      state: 'completed',
      endedAt: startedAt + 1_000,
    });
  });

  it('counts orders by state, each once', () => {
    expect(counts(created)).toEqual({ open: 1 });
    expect(counts(created, requested, requested)).toEqual({ open: 0, cancelling: 1 });
    expect(counts(created, requested, cancelled)).toEqual({ open: 0, cancelling: 0, cancelled: 1 });
    expect(counts(created, completed, completed)).toEqual({ open: 0, completed: 1 });
  });
});
