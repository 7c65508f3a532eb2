import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HttpShop, ShopOpening } from '../shop.ts';
import { cancelledIn, ended, inState, ledgerBalances, providerOutOfReach, wayOf } from './following.ts';

/** What one version of the saga calls the steps with money, which are all that its ways differ in. */
export type Way = {
  readonly version: 1 | 2;
  /** The chart's states in which money is asked for, and given back. */
  readonly paying: string;
  readonly undoing: string;
  /** How the payment stands once it is made, and once it is undone. */
  readonly paid: string;
  readonly undone: string;
  /** What is told of an order that completes. */
  readonly told: readonly string[];
  readonly payCommand: string;
  /** What is told from an undo on that had to learn first what it undoes. */
  readonly toldOfUndo: readonly string[];
  /** What a person says of an undo, and of the step before it; and what says nothing of that step. */
  readonly undoOutcome: string;
  readonly failedOutcome: string;
  readonly otherOutcomes: readonly (string | undefined)[];
};

type Open = (opening: ShopOpening) => Promise<HttpShop>;
type Room = { readonly shop: () => HttpShop; readonly outOfReach: ReturnType<typeof providerOutOfReach> };

/** Every way that an order can go, whichever version of the saga and whichever composition runs it; and `more`. */
export const everyWay = (name: string, open: Open, way: Way, more?: (shop: () => HttpShop) => void): void =>
  describe(name, () => {
    const outOfReach = providerOutOfReach();
    let shop: HttpShop;
    beforeAll(async () => {
      const flags = { sagaVersion: String(way.version) };
      shop = await open({ flags, overrides: { wrapGateway: outOfReach.wrapGateway } });
    });
    afterAll(async () => {
      await shop.end();
    });
    const room = { shop: () => shop, outOfReach };

    describe('an order', () => {
      ends(way, room);
      isTakenBack(way, room);
      aroundThePivot(way, room);
    });
    describe('a person', () => resolves(way, room));
    more?.(room.shop);
  });

const ends = ({ version, paying, undoing, paid, undone, told }: Way, { shop }: Room): void => {
  it('completes: paid, reserved, shipped', async () => {
    const order = await shop().placeAndWait();
    expect(order).toMatchObject({
      state: 'completed',
      payment: paid,
      inventory: 'reserved',
      shipping: 'shipped',
      total: 250,
      because: null,
    });
    expect((await shop().saga(order.orderId)).machine).toEqual({ name: 'order-saga', version });
    // Each command once: who is slow is asked again after 40 ms.
    const heard = await shop().told(order.orderId);
    expect(heard.filter((type, n) => !type.startsWith('→') || heard.indexOf(type) === n)).toEqual(told);
    await ledgerBalances(shop());
  });

  it('is cancelled when its payment is declined: nothing had happened', async () => {
    const order = await shop().placeAndWait({ paymentToken: 'tok_declined' });
    expect(order).toMatchObject({
      state: 'cancelled',
      because: 'payment-failed',
      payment: 'failed',
      inventory: 'none',
    });
    expect(await wayOf(shop(), order.orderId)).toEqual([paying, 'cancelling', 'cancelled']);
    await ledgerBalances(shop());
  });

  it(`is ${undone} when the stock does not suffice, and says which SKU`, async () => {
    const lines = [
      { sku: 'SKU-A', quantity: 1, unitPrice: 250 },
      { sku: 'SKU-B', quantity: 6, unitPrice: 100 },
    ];
    const order = await shop().placeAndWait({ lines });
    expect(order).toMatchObject({ state: 'cancelled', because: 'inventory-failed', payment: undone });
    expect(order.shortages).toEqual([
      { sku: 'SKU-B', requested: 6, onHand: 5, reason: 'insufficient-stock' },
    ]);
    const states = [paying, 'reserving', undoing, 'cancelling', 'cancelled'];
    expect(await wayOf(shop(), order.orderId)).toEqual(states);
    await ledgerBalances(shop());
  });

  it(`is released and ${undone} when the carrier does not serve its country`, async () => {
    const order = await shop().placeAndWait({ country: 'Atlantis' });
    expect(order).toMatchObject({
      state: 'cancelled',
      because: 'shipping-failed',
      payment: undone,
      inventory: 'released',
      shipping: 'failed',
    });
    const states = [paying, 'reserving', 'shipping', 'releasing', undoing, 'cancelling', 'cancelled'];
    expect(await wayOf(shop(), order.orderId)).toEqual(states);
    await ledgerBalances(shop());
  });

  it('is asked again when an answer is lost, and paid once', async () => {
    const order = await shop().placeAndWait({ paymentToken: 'tok_answer_lost' });
    expect(order).toMatchObject({ state: 'completed', payment: paid });
    await ledgerBalances(shop());
  });
};

const isTakenBack = (way: Way, { shop, outOfReach }: Room): void => {
  const { paying, undoing, undone, payCommand, toldOfUndo } = way;

  it('is taken back when the customer cancels while the payment is out: the step in flight is undone first', async () => {
    // Who is late is asked for the payment in vain, so often that it is given up before the customer does.
    const order = await cancelledIn(
      shop(),
      paying,
      { paymentToken: 'tok_slow' },
      { times: 2, wanted: ({ because }) => because === 'customer-cancelled' },
    );
    expect(order).toMatchObject({ state: 'cancelled', because: 'customer-cancelled', payment: undone });
    expect((await shop().post(`/orders/${order.orderId}/cancel`)).status).toBe(200);
    expect(await wayOf(shop(), order.orderId)).toEqual([paying, undoing, 'cancelling', 'cancelled']);
    await ledgerBalances(shop());
  });

  it('is taken back when the payment stays unknown: the undo learns the outcome first', async () => {
    const orderId = await shop().place({ paymentToken: outOfReach.token });
    await inState(shop(), orderId, undoing);
    outOfReach.comeBack();
    expect(await ended(shop(), orderId)).toMatchObject({
      state: 'cancelled',
      because: 'payment-unknown',
      payment: undone,
    });
    const told = await shop().told(orderId);
    expect(told.filter((type) => type === payCommand).length).toBeGreaterThanOrEqual(6);
    expect([...new Set(told.slice(told.indexOf(toldOfUndo[0]!)))]).toEqual(toldOfUndo);
    await ledgerBalances(shop());
  });

  it('is taken back when the customer cancels while the shipment is out and the carrier can stop it', async () => {
    const order = await cancelledIn(shop(), 'shipping', { country: 'ZZ-answer-lost' });
    // The repeat of the shipment may have come first: then it is past the pivot, and says so.
    if (order.state === 'completed') expect(order.cancellationRefused).toBe(true);
    else {
      expect(order).toMatchObject({ shipping: 'cancelled', inventory: 'released', payment: undone });
      expect(await shop().told(order.orderId)).toEqual(
        expect.arrayContaining(['→ CancelShipment', 'ShipmentCancelled']),
      );
    }
    await ledgerBalances(shop());
  });
};

const aroundThePivot = ({ paid }: Way, { shop }: Room): void => {
  it('goes forward when the parcel is gone: the cancellation is refused, and the order says so', async () => {
    expect(await cancelledIn(shop(), 'shipping', { country: 'ZZ-gone' })).toMatchObject({
      state: 'completed',
      payment: paid,
      shipping: 'shipped',
      cancellationRefused: true,
    });
    await ledgerBalances(shop());
  });

  it('cannot be cancelled after the pivot', async () => {
    const { orderId } = await shop().placeAndWait();
    const refused = await shop().post(`/orders/${orderId}/cancel`);
    expect([refused.status, refused.body.code]).toEqual([409, 'order-completed']);
    const preview = (await shop().get(`/orders/${orderId}/cancel-preview`)).body;
    expect(preview).toMatchObject({ cancellable: false, undo: [] });
  });
};

const resolves = (way: Way, { shop }: Room): void => {
  const { undoing, undone, undoOutcome, failedOutcome, otherOutcomes } = way;
  const said = { reference: 'call-1', note: 'asked by telephone' };

  it('resolves a shipment whose outcome the carrier never tells', async () => {
    const orderId = await shop().place({ country: 'ZZ-down' });
    const { waitsFor } = await inState(shop(), orderId, 'cancellingShipment');
    const resolve = (more: object) =>
      shop().post(`/sagas/${orderId}/resolve`, { ...said, outcome: 'ShipmentCancelled', ...more });
    const wrong = await resolve({ commandId: orderId });
    expect([wrong.status, wrong.body.code]).toEqual([409, 'not-outstanding']);
    const { commandId } = waitsFor!;
    expect((await resolve({ commandId, openOutcome: 'ShippingFailed' })).status).toBe(202);
    expect(await ended(shop(), orderId)).toMatchObject({
      state: 'cancelled',
      payment: undone,
      inventory: 'released',
    });
    await ledgerBalances(shop());
  });

  it('resolves the undo of a payment that the provider never tells of', async () => {
    const orderId = await shop().place({ paymentToken: 'tok_down' });
    const { waitsFor } = await inState(shop(), orderId, undoing);
    const { commandId } = waitsFor!;
    const resolve = (openOutcome: string | undefined) =>
      shop().post(`/sagas/${orderId}/resolve`, { ...said, commandId, outcome: undoOutcome, openOutcome });
    for (const openOutcome of otherOutcomes) {
      const refused = await resolve(openOutcome);
      expect([refused.status, refused.body.code]).toEqual([409, 'not-resolvable']);
    }
    expect((await resolve(failedOutcome)).status).toBe(202);
    expect(await ended(shop(), orderId)).toMatchObject({ state: 'cancelled', because: 'payment-unknown' });
    await ledgerBalances(shop());
  });
};
