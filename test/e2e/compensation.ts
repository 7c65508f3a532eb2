import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HttpShop, ShopOpening } from '../shop.ts';
import { ended, inState, ledgerBalances, providerOutOfReach, wayOf } from './following.ts';

/** Every way that an order can go, on version 1 of the saga, whichever composition runs it. */
export const compensations = (name: string, open: (opening: ShopOpening) => Promise<HttpShop>): void =>
  describe(name, () => {
    const outOfReach = providerOutOfReach();

    let shop: HttpShop;
    beforeAll(async () => {
      shop = await open({
        overrides: { wrapGateway: outOfReach.wrapGateway },
      });
    });
    afterAll(async () => {
      await shop.end();
    });

    describe('an order', () => {
      it('completes: paid, reserved, shipped', async () => {
        const order = await shop.placeAndWait();
        expect(order).toMatchObject({
          state: 'completed',
          payment: 'processed',
          inventory: 'reserved',
          shipping: 'shipped',
          total: 250,
          because: null,
        });
        expect(await shop.told(order.orderId)).toEqual([
          'OrderCreated',
          '→ ProcessPayment',
          'PaymentStarted',
          'PaymentProcessed',
          '→ ReserveInventory',
          'ReservationStarted',
          'InventoryReserved',
          '→ ShipOrder',
          'ShipmentStarted',
          'OrderShipped',
          '→ CompleteOrder',
          'OrderCompleted',
        ]);
        await ledgerBalances(shop);
      });

      it('is cancelled when its payment fails: nothing had happened', async () => {
        const order = await shop.placeAndWait({ paymentToken: 'tok_declined' });
        expect(order).toMatchObject({
          state: 'cancelled',
          because: 'payment-failed',
          payment: 'failed',
          inventory: 'none',
        });
        expect(await wayOf(shop, order.orderId)).toEqual(['paying', 'cancelling', 'cancelled']);
        await ledgerBalances(shop);
      });

      it('is refunded when the stock does not suffice, and says which SKU', async () => {
        const lines = [
          { sku: 'SKU-A', quantity: 1, unitPrice: 250 },
          { sku: 'SKU-B', quantity: 6, unitPrice: 100 },
        ];
        const order = await shop.placeAndWait({ lines });
        expect(order).toMatchObject({ state: 'cancelled', because: 'inventory-failed', payment: 'refunded' });
        expect(order.shortages).toEqual([
          { sku: 'SKU-B', requested: 6, onHand: 5, reason: 'insufficient-stock' },
        ]);
        expect(await wayOf(shop, order.orderId)).toEqual([
          'paying',
          'reserving',
          'refunding',
          'cancelling',
          'cancelled',
        ]);
        await ledgerBalances(shop);
      });

      it('is released and refunded when the carrier does not serve its country', async () => {
        const order = await shop.placeAndWait({ country: 'Atlantis' });
        expect(order).toMatchObject({
          state: 'cancelled',
          because: 'shipping-failed',
          payment: 'refunded',
          inventory: 'released',
          shipping: 'failed',
        });
        expect(await wayOf(shop, order.orderId)).toEqual([
          'paying',
          'reserving',
          'shipping',
          'releasing',
          'refunding',
          'cancelling',
          'cancelled',
        ]);
        await ledgerBalances(shop);
      });

      it('is taken back when the customer cancels while the payment is out: the step in flight is undone first', async () => {
        const orderId = await shop.place({ paymentToken: 'tok_slow' });
        await inState(shop, orderId, 'paying');
        expect((await shop.post(`/orders/${orderId}/cancel`)).status).toBe(202);
        expect((await shop.post(`/orders/${orderId}/cancel`)).status).toBe(202);
        expect(await ended(shop, orderId)).toMatchObject({
          state: 'cancelled',
          because: 'customer-cancelled',
          payment: 'refunded',
        });
        expect((await shop.post(`/orders/${orderId}/cancel`)).status).toBe(200);
        expect(await wayOf(shop, orderId)).toEqual(['paying', 'refunding', 'cancelling', 'cancelled']);
        await ledgerBalances(shop);
      });

      it('is taken back when the payment stays unknown: the undo learns the outcome, then refunds it', async () => {
        const orderId = await shop.place({ paymentToken: outOfReach.token });
        await inState(shop, orderId, 'refunding');
        outOfReach.comeBack();
        expect(await ended(shop, orderId)).toMatchObject({
          state: 'cancelled',
          because: 'payment-unknown',
          payment: 'refunded',
        });
        const told = await shop.told(orderId);
        expect(told.filter((type) => type === '→ ProcessPayment').length).toBeGreaterThanOrEqual(6);
        expect([...new Set(told.slice(told.indexOf('→ RefundPayment')))]).toEqual([
          '→ RefundPayment',
          'PaymentProcessed',
          'RefundStarted',
          'PaymentRefunded',
          '→ CancelOrder',
          'OrderCancelled',
        ]);
        await ledgerBalances(shop);
      });

      it('is asked again when an answer is lost, and paid once', async () => {
        const order = await shop.placeAndWait({ paymentToken: 'tok_answer_lost' });
        expect(order).toMatchObject({ state: 'completed', payment: 'processed' });
        await ledgerBalances(shop);
      });

      it('is taken back when the customer cancels while the shipment is out and the carrier can stop it', async () => {
        const orderId = await shop.place({ country: 'ZZ-answer-lost' });
        await inState(shop, orderId, 'shipping');
        expect((await shop.post(`/orders/${orderId}/cancel`)).status).toBe(202);
        const order = await ended(shop, orderId);
        // The repeat of the shipment may have come first: then it is past the pivot, and says so.
        if (order.state === 'completed') expect(order.cancellationRefused).toBe(true);
        else {
          expect(order).toMatchObject({ shipping: 'cancelled', inventory: 'released', payment: 'refunded' });
          expect(await shop.told(orderId)).toEqual(
            expect.arrayContaining(['→ CancelShipment', 'ShipmentCancelled']),
          );
        }
        await ledgerBalances(shop);
      });

      it('goes forward when the parcel is gone: the cancellation is refused, and the order says so', async () => {
        const orderId = await shop.place({ country: 'ZZ-gone' });
        await inState(shop, orderId, 'shipping');
        expect((await shop.post(`/orders/${orderId}/cancel`)).status).toBe(202);
        const order = await ended(shop, orderId);
        expect(order).toMatchObject({ state: 'completed', shipping: 'shipped', cancellationRefused: true });
        await ledgerBalances(shop);
      });

      it('cannot be cancelled after the pivot', async () => {
        const { orderId } = await shop.placeAndWait();
        const refused = await shop.post(`/orders/${orderId}/cancel`);
        expect([refused.status, refused.body.code]).toEqual([409, 'order-completed']);
        const preview = (await shop.get(`/orders/${orderId}/cancel-preview`)).body;
        expect(preview).toMatchObject({ cancellable: false, undo: [] });
      });
    });

    describe('a person', () => {
      it('resolves a shipment whose outcome the carrier never tells', async () => {
        const orderId = await shop.place({ country: 'ZZ-down' });
        await inState(shop, orderId, 'cancellingShipment');
        const { commandId } = (await shop.saga(orderId)).waitsFor!;
        const wrong = await shop.post(`/sagas/${orderId}/resolve`, {
          commandId: orderId,
          outcome: 'ShipmentCancelled',
          reference: 'call-1',
          note: 'asked by telephone',
        });
        expect([wrong.status, wrong.body.code]).toEqual([409, 'not-outstanding']);
        const { status } = await shop.post(`/sagas/${orderId}/resolve`, {
          commandId,
          outcome: 'ShipmentCancelled',
          reference: 'call-1',
          note: 'asked by telephone: it never left',
          openOutcome: 'ShippingFailed',
        });
        expect(status).toBe(202);
        expect(await ended(shop, orderId)).toMatchObject({
          state: 'cancelled',
          payment: 'refunded',
          inventory: 'released',
        });
        await ledgerBalances(shop);
      });

      it('resolves a refund of a charge that the provider never tells of', async () => {
        const orderId = await shop.place({ paymentToken: 'tok_down' });
        await inState(shop, orderId, 'refunding');
        const { commandId } = (await shop.saga(orderId)).waitsFor!;
        const resolved = {
          commandId,
          outcome: 'PaymentRefunded',
          reference: 'ticket-7',
          note: 'never charged',
        };
        const open = await shop.post(`/sagas/${orderId}/resolve`, resolved);
        expect([open.status, open.body.code]).toEqual([409, 'not-resolvable']);
        const { status } = await shop.post(`/sagas/${orderId}/resolve`, {
          ...resolved,
          openOutcome: 'PaymentFailed',
        });
        expect(status).toBe(202);
        expect(await ended(shop, orderId)).toMatchObject({ state: 'cancelled', because: 'payment-unknown' });
        await ledgerBalances(shop);
      });
    });
  });
