import { describe, expect, it } from '@jest/globals';
import type { DomainEvent } from '@recourse/contracts/events';
import { Order } from '@recourse/contracts/http';
import type { CommandId, OrderId } from '@recourse/contracts/ids';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { foldOrder, hasEnded, toOrder } from './order-view.ts';

const orderId = '01a1feab-e491-75ed-bb95-b5af40d2012b' as OrderId;
const commandId = '6d2f2b8f-e7ae-5ad3-90f2-e3b2647d3b30' as CommandId;

const created: DomainEvent = {
  type: 'OrderCreated',
  data: {
    customerId: null,
    currency: 'GBP',
    country: 'France',
    paymentToken: 'tok_accepted' as never,
    lines: [{ sku: '85123A' as never, quantity: 2, unitPrice: 255 }],
    total: 510,
    bodyHash: 'x',
  },
};
const advanced = (value: string, context: object = {}): DomainEvent => ({
  type: 'SagaAdvanced',
  data: {
    input: { id: orderId as never, type: 'x', category: 'order', revision: 0 },
    machine: { name: 'order-saga', version: 1 },
    state: {
      value,
      status: value === 'completed' || value === 'cancelled' ? 'done' : 'active',
      context: { sequence: {}, ...context },
    },
    commands: [],
    timers: { set: [], cancelled: [] },
  },
});
const amount = { amount: 510, currency: 'GBP' };

/** Records of these events, one millisecond apart. */
const recorded = (events: readonly DomainEvent[]) =>
  events.map((event, index) => ({ ...event, position: index + 1, time: index }) as RecordedEvent);

/** The order after these events. */
const after = (...events: DomainEvent[]) => toOrder(foldOrder(orderId, recorded([created, ...events])));

const started: DomainEvent = {
  type: 'PaymentStarted',
  data: { commandId, ...amount, paymentToken: 'tok_accepted' as never },
};
const processed: DomainEvent = { type: 'PaymentProcessed', data: { commandId, ...amount, chargeId: 'ch_1' } };
const refunded = (nothing: boolean): DomainEvent => ({
  type: 'PaymentRefunded',
  data: { commandId, currency: 'GBP', amount: nothing ? 0 : 510, nothing },
});
const voided = (nothing: boolean): DomainEvent => ({ type: 'PaymentVoided', data: { commandId, nothing } });
const shipped: DomainEvent = { type: 'OrderShipped', data: { commandId, shipmentId: 'sh_1' } };

describe('an order, folded from its records', () => {
  it('is nothing without OrderCreated', () => {
    expect(toOrder(foldOrder(orderId, recorded([started])))).toBeUndefined();
  });

  it('is open and untouched once created', () => {
    const order = after();
    expect(Order.parse(order)).toEqual(order);
    expect(order).toMatchObject({ state: 'open', payment: 'none', inventory: 'none', shipping: 'none' });
    expect(order).toMatchObject({ createdAt: '1970-01-01T00:00:00.000Z', endedAt: null, because: null });
  });

  it('shows how far each part has come', () => {
    const order = after(
      started,
      processed,
      { type: 'ReservationStarted', data: { commandId, lines: [] } },
      { type: 'InventoryReserved', data: { commandId } },
      { type: 'ShipmentStarted', data: { commandId, country: 'France' } },
    );
    expect(order).toMatchObject({ payment: 'processed', inventory: 'reserved', shipping: 'started' });
    expect(order?.updatedAt).toBe('1970-01-01T00:00:00.005Z');
  });

  it('is completed with OrderCompleted, before its saga says so', () => {
    const view = foldOrder(
      orderId,
      recorded([
        created,
        shipped,
        { type: 'OrderCompleted', data: { commandId, cancellationRefused: true } },
        advanced('completing'),
      ]),
    );
    expect(hasEnded(view)).toBe(true);
    expect(toOrder(view)).toMatchObject({
      state: 'completed',
      shipping: 'shipped',
      shipmentId: 'sh_1',
      cancellationRefused: true,
      endedAt: '1970-01-01T00:00:00.002Z',
    });
  });

  it('is being cancelled from the wish on, whatever the saga does first', () => {
    const order = after(processed, { type: 'OrderCancellationRequested', data: {} });
    expect(order).toMatchObject({ state: 'cancelling', because: 'customer-cancelled' });
  });

  it('is being cancelled while its saga goes back, and says why', () => {
    const order = after(processed, advanced('refunding', { because: 'inventory-failed' }));
    expect(order).toMatchObject({ state: 'cancelling', because: 'inventory-failed' });
  });

  it('is open again where the parcel was gone before it could be cancelled', () => {
    const order = after(
      { type: 'OrderCancellationRequested', data: {} },
      advanced('cancellingShipment', { because: 'customer-cancelled' }),
      { type: 'ShipmentCancellationStarted', data: { commandId } },
      shipped,
      { type: 'ShipmentCancellationRefused', data: { commandId, reason: 'gone' } },
      advanced('completing'),
    );
    expect(order).toMatchObject({ state: 'open', because: null, shipping: 'shipped' });
  });

  it('is cancelled for the reason that OrderCancelled gives, with the shortages', () => {
    const shortages = [
      { sku: '85123A' as never, requested: 2, onHand: 1, reason: 'insufficient-stock' as const },
    ];
    const order = after(
      processed,
      { type: 'ReleaseStarted', data: { commandId, because: 'shortage', shortages } },
      { type: 'InventoryFailed', data: { commandId, shortages } },
      { type: 'RefundStarted', data: { commandId, ...amount, chargeId: 'ch_1' } },
      refunded(false),
      { type: 'OrderCancelled', data: { commandId, because: 'inventory-failed' } },
    );
    expect(order).toMatchObject({
      state: 'cancelled',
      because: 'inventory-failed',
      payment: 'refunded',
      inventory: 'failed',
      shortages,
    });
  });

  it('shows a failed payment as failed although a tombstone follows', () => {
    const failed: DomainEvent = { type: 'PaymentFailed', data: { commandId, reason: 'declined' } };
    expect(after(started, failed, refunded(true))?.payment).toBe('failed');
    expect(after(refunded(true))?.payment).toBe('none');
  });

  it('shows how far a payment has come that is authorised first', () => {
    const authorizationId = 'au_1';
    const steps: [DomainEvent, string][] = [
      [
        {
          type: 'AuthorizationStarted',
          data: { commandId, ...amount, paymentToken: 'tok_accepted' as never },
        },
        'started',
      ],
      [{ type: 'PaymentAuthorized', data: { commandId, ...amount, authorizationId } }, 'authorized'],
      [{ type: 'CaptureStarted', data: { commandId, ...amount, authorizationId } }, 'capturing'],
      [{ type: 'PaymentCaptured', data: { commandId, ...amount, captureId: 'ca_1' } }, 'captured'],
    ];
    for (const [n, [, expected]] of steps.entries()) {
      const order = after(...steps.slice(0, n + 1).map(([event]) => event));
      expect(Order.parse(order).payment).toBe(expected);
    }
    const authorized = steps.slice(0, 2).map(([event]) => event);
    const letGo: DomainEvent = { type: 'VoidStarted', data: { commandId, authorizationId } };
    expect(after(...authorized, letGo)?.payment).toBe('voiding');
    expect(after(...authorized, letGo, voided(false))?.payment).toBe('voided');
  });

  it('shows a declined authorisation as failed although a tombstone follows', () => {
    const declined: DomainEvent = { type: 'AuthorizationFailed', data: { commandId, reason: 'declined' } };
    expect(after(declined)?.payment).toBe('failed');
    expect(after(declined, voided(true))?.payment).toBe('failed');
    expect(after(voided(true))?.payment).toBe('none');
  });

  it('is being cancelled while its saga voids, and open while it captures', () => {
    expect(after(advanced('voiding', { because: 'inventory-failed' }))).toMatchObject({
      state: 'cancelling',
      because: 'inventory-failed',
    });
    const wish: DomainEvent = { type: 'OrderCancellationRequested', data: {} };
    expect(after(wish, shipped, advanced('capturing'))).toMatchObject({ state: 'open', because: null });
  });

  it('takes no notice of what came after a person had settled it', () => {
    const late: DomainEvent = {
      type: 'PaymentProcessed',
      data: { commandId, ...amount, chargeId: 'ch_1', late: true },
    };
    expect(after(started, refunded(false), late)?.payment).toBe('refunded');
  });
});
