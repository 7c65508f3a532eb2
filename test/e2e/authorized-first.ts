import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HttpShop, type ShopOpening, until, usualOrder } from '../shop.ts';
import { ended, inState, ledgerBalances } from './following.ts';
import { everyWay, type Way } from './ways.ts';

const authorizing: Way = {
  version: 2,
  paying: 'authorizing',
  undoing: 'voiding',
  paid: 'captured',
  undone: 'voided',
  told: [
    'OrderCreated',
    '→ AuthorizePayment',
    'AuthorizationStarted',
    'PaymentAuthorized',
    '→ ReserveInventory',
    'ReservationStarted',
    'InventoryReserved',
    '→ ShipOrder',
    'ShipmentStarted',
    'OrderShipped',
    '→ CapturePayment',
    'CaptureStarted',
    'PaymentCaptured',
    '→ CompleteOrder',
    'OrderCompleted',
  ],
  payCommand: '→ AuthorizePayment',
  toldOfUndo: [
    '→ VoidPayment',
    'PaymentAuthorized',
    'VoidStarted',
    'PaymentVoided',
    '→ CancelOrder',
    'OrderCancelled',
  ],
  undoOutcome: 'PaymentVoided',
  failedOutcome: 'AuthorizationFailed',
  otherOutcomes: [undefined, 'OrderShipped', 'PaymentFailed'],
};

/** Orders on version 2 of the saga: the money is authorised first, captured once the parcel is gone. */
export const authorizedFirst = (name: string, open: (opening: ShopOpening) => Promise<HttpShop>): void =>
  everyWay(name, open, authorizing, (shop) => {
    describe('an order', () => {
      it.each(['tok_capture_answer_lost', 'tok_capture_down_3'])(
        'is asked again with %s, and paid once',
        async (paymentToken) => {
          const order = await shop().placeAndWait({ paymentToken });
          expect(order).toMatchObject({ state: 'completed', payment: 'captured' });
          await ledgerBalances(shop());
        },
      );

      it.each(['tok_void_answer_lost', 'tok_void_down_3'])('is voided once with %s', async (paymentToken) => {
        const order = await shop().placeAndWait({ paymentToken, country: 'Atlantis' });
        expect(order).toMatchObject({ state: 'cancelled', payment: 'voided' });
        await ledgerBalances(shop());
      });

      it('can be cancelled no more while its capture is asked for in vain: it is flagged, and waits for a person', async () => {
        const orderId = await shop().place({ paymentToken: 'tok_capture_down' });
        await until(
          () => shop().saga(orderId),
          ({ flags }) => flags.includes('asked-often'),
        );
        const refused = await shop().post(`/orders/${orderId}/cancel`);
        expect([refused.status, refused.body.code]).toEqual([409, 'order-shipped']);
        const preview = (await shop().get(`/orders/${orderId}/cancel-preview`)).body;
        expect(preview).toMatchObject({ cancellable: false, undo: [] });
        const order = await shop().order(orderId);
        expect(order).toMatchObject({ state: 'open', payment: 'capturing', shipping: 'shipped' });
        const { commandId } = (await shop().saga(orderId)).waitsFor!;
        const { status } = await shop().post(`/sagas/${orderId}/resolve`, {
          commandId,
          outcome: 'PaymentCaptured',
          reference: 'ca_by_hand',
          note: 'captured in the console of the provider',
        });
        expect(status).toBe(202);
        expect(await ended(shop(), orderId)).toMatchObject({ state: 'completed', payment: 'captured' });
        const { money, violations } = await shop().ledger();
        expect(violations).toEqual([]);
        expect(money[0]!.capturedByPerson).toBeGreaterThanOrEqual(order.total);
      });
    });

    describe('a person', () => {
      const said = { reference: 'call-1', note: 'asked by telephone' };
      // Nothing is given up before the person has come to it.
      let patient: HttpShop;
      beforeAll(async () => {
        patient = await open({ flags: { sagaVersion: '2', askDelaysMs: '60000' } });
      });
      afterAll(() => patient?.end());

      it.each([
        ['PaymentAuthorized', 'completed'],
        ['AuthorizationFailed', 'cancelled'],
      ])('resolves an authorisation as %s, and the order is %s', async (outcome, state) => {
        const orderId = await patient.place({ paymentToken: 'tok_down' });
        const { waitsFor } = await until(
          () => patient.saga(orderId),
          ({ state }) => state === 'authorizing',
        );
        await until(
          () => patient.order(orderId),
          ({ payment }) => payment === 'started',
        );
        const { commandId } = waitsFor!;
        const wrong = await patient.post(`/sagas/${orderId}/resolve`, {
          ...said,
          commandId,
          outcome: 'PaymentProcessed',
        });
        expect([wrong.status, wrong.body.code]).toEqual([409, 'not-resolvable']);
        expect(
          (await patient.post(`/sagas/${orderId}/resolve`, { ...said, commandId, outcome })).status,
        ).toBe(202);
        if (outcome === 'AuthorizationFailed') {
          expect(await ended(patient, orderId)).toMatchObject({ state, because: 'payment-failed' });
          return;
        }
        // The provider knows no authorisation of that name, so the capture is for the person, too.
        const saga = await inState(patient, orderId, 'capturing');
        await until(
          () => patient.order(orderId),
          ({ payment }) => payment === 'capturing',
        );
        const capture = { ...said, commandId: saga.waitsFor!.commandId, outcome: 'PaymentCaptured' };
        expect((await patient.post(`/sagas/${orderId}/resolve`, capture)).status).toBe(202);
        expect(await ended(patient, orderId)).toMatchObject({ state, payment: 'captured' });
        await ledgerBalances(patient);
      });
    });

    describe('orders of both versions', () => {
      it('run side by side in one process, each on its own way', async () => {
        // Forty at once keep a machine busy: nobody asks again meanwhile, which would only make it busier.
        const flags = { sagaVersion: '2', sagaRampPercent: '50', askDelaysMs: '20000,20000' };
        const half = await open({ flags });
        try {
          const orders = await Promise.all(
            Array.from({ length: 40 }, async (_, n) => {
              const order = { ...usualOrder, country: n % 4 === 0 ? 'Atlantis' : 'France' };
              // A key makes the order's id, on which its version hangs.
              return (
                await half.post('/orders', order, { 'idempotency-key': `side-${n}`, prefer: 'wait=60' })
              ).body;
            }),
          );
          const payments = new Set(orders.map(({ payment }) => payment));
          expect(payments).toEqual(new Set(['processed', 'refunded', 'captured', 'voided']));
          const { money, violations } = await half.ledger();
          expect(violations).toEqual([]);
          expect(money).toMatchObject([{ completed: 30 * 250, held: 0, authorizedOpen: 0 }]);
        } finally {
          await half.end();
        }
      });
    });
  });
