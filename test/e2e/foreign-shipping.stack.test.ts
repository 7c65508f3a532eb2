import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DeadLetterList } from '@recourse/contracts/http';
import type { Running } from '../foreign/python.ts';
import { describeWithPython } from '../foreign/python.ts';
import { type ForeignShop, openForeignShop } from '../foreign/shop.ts';
import { until } from '../shop.ts';
import { allEnded } from './bad-days.ts';
import { ended, inState, ledgerBalances } from './following.ts';

await describeWithPython('a shop whose parcels go with somebody else’s program', () => {
  let room: ForeignShop;
  let program: Running;
  beforeAll(async () => {
    room = await openForeignShop();
    program = await room.start();
  });
  afterAll(() => room?.end());

  const place = (changes = {}) => room.shop.place(changes);
  const placeAndWait = (changes = {}) => room.shop.placeAndWait(changes);
  const toldOf = async (orderId: string, type: string) =>
    (await room.shop.told(orderId)).filter((it) => it === type).length;
  const cancel = (orderId: string) => room.shop.post(`/orders/${orderId}/cancel`);
  /** An order whose ShipOrder nobody has answered, and the id of that command. */
  const waiting = async (changes = {}) => {
    const orderId = await place(changes);
    const { waitsFor } = await inState(room.shop, orderId, 'shipping');
    return { orderId, commandId: waitsFor!.commandId };
  };
  /** The command that takes the shipment back, once it is asked for. */
  const takenBack = async (orderId: string) => {
    expect((await cancel(orderId)).status).toBe(202);
    return (await inState(room.shop, orderId, 'cancellingShipment')).waitsFor!.commandId;
  };
  const whileAway = async (during: () => Promise<void>) => {
    expect(await program.stop()).toBe(0);
    await during();
    program = await room.start();
  };
  const lettersOf = async (orderId: string) =>
    DeadLetterList.parse((await room.shop.get('/dead-letters')).body).items.filter(
      (it) => it.orderId === orderId,
    );
  const letterOf = async (orderId: string) => {
    const [letter] = await until(
      () => lettersOf(orderId),
      ({ length }) => length === 1,
    );
    return letter!;
  };
  const act = async (what: 'redrive' | 'discard', id: string, body?: object) =>
    (await room.shop.post(`/dead-letters/${encodeURIComponent(id)}/${what}`, body)).status;
  /** How often an answer became a dead letter. */
  const deaths = async () => {
    const text = String((await room.shop.get('/metrics')).body);
    return Number(/^recourse_messages_total\{group="ingest",handling="dead"\} (\d+)$/m.exec(text)?.[1]);
  };
  const noneIsDead = async () => expect((await room.shop.get('/dead-letters')).body.items).toEqual([]);

  describe('an order', () => {
    it('completes, and no intent of ours stands in the log', async () => {
      const order = await placeAndWait();
      expect(order).toMatchObject({ state: 'completed', shipping: 'shipped', payment: 'processed' });
      expect((await room.shop.told(order.orderId)).slice(-5)).toEqual([
        'InventoryReserved',
        '→ ShipOrder',
        'OrderShipped',
        '→ CompleteOrder',
        'OrderCompleted',
      ]);
      await ledgerBalances(room.shop);
    });

    it('is released and refunded when the carrier refuses', async () => {
      const order = await placeAndWait({ country: 'ZZ' });
      expect(order).toMatchObject({
        state: 'cancelled',
        because: 'shipping-failed',
        payment: 'refunded',
        inventory: 'released',
      });
      await ledgerBalances(room.shop);
    });

    it('goes forward when it is cancelled while it is shipped: the parcel is gone', async () => {
      let orderId = '';
      await whileAway(async () => {
        ({ orderId } = await waiting());
        await takenBack(orderId);
      });
      expect(await ended(room.shop, orderId)).toMatchObject({
        state: 'completed',
        shipping: 'shipped',
        cancellationRefused: true,
      });
      await ledgerBalances(room.shop);
    });

    it('is taken back when it is cancelled while the carrier refuses it', async () => {
      let orderId = '';
      await whileAway(async () => {
        ({ orderId } = await waiting({ country: 'ZZ' }));
        await takenBack(orderId);
      });
      expect(await ended(room.shop, orderId)).toMatchObject({
        state: 'cancelled',
        payment: 'refunded',
        inventory: 'released',
      });
      await ledgerBalances(room.shop);
    });

    it('leaves a tombstone when it is cancelled before the program heard of it: what comes late is refused', async () => {
      let [orderId, shipId] = ['', ''];
      await whileAway(async () => {
        ({ orderId, commandId: shipId } = await waiting());
        await room.clear('shipping.commands');
        await takenBack(orderId);
      });
      expect(await ended(room.shop, orderId)).toMatchObject({ state: 'cancelled', payment: 'refunded' });
      const told = await room.shop.told(orderId);
      expect(told).toContain('ShipmentCancelled');
      const answers = await room.endOf('shipping.replies');
      await room.put('shipping.commands', orderId, {
        type: 'ShipOrder',
        id: shipId,
        data: { country: 'France' },
      });
      await room.heardAll('shipping', 'shipping.commands');
      await room.heardAll('ingest', 'shipping.replies');
      expect(await room.endOf('shipping.replies')).toBe(answers + 1);
      expect(await room.shop.told(orderId)).toEqual(told);
      await noneIsDead();
      await ledgerBalances(room.shop);
    });
  });

  describe('the program', () => {
    it('is killed in the midst and started again: every order is shipped, once', async () => {
      const orders: string[] = [];
      const placing = (async () => {
        for (let n = 0; n < 40; n += 1) orders.push(await place());
      })();
      await until(
        async () => orders.length,
        (count) => count > 10,
      );
      await program.stop('SIGKILL');
      await placing;
      program = await room.start();
      expect(await allEnded(room.shop, orders)).toEqual({ completed: 40 });
      for (const it of orders) expect([it, await toldOf(it, 'OrderShipped')]).toEqual([it, 1]);
      await noneIsDead();
      await ledgerBalances(room.shop);
    });

    it('may give its answers again, whenever it likes', async () => {
      const { orderId } = await placeAndWait();
      const { steps } = await room.shop.saga(orderId);
      const told = await room.shop.told(orderId);
      const data = (await shippedBy(orderId)).data as { commandId: string };
      for (let n = 0; n < 3; n += 1)
        await room.put('shipping.replies', orderId, { type: 'OrderShipped', data });
      await room.put('shipping.commands', orderId, {
        type: 'ShipOrder',
        id: data.commandId,
        data: { country: 'France' },
      });
      await room.heardAll('shipping', 'shipping.commands');
      await room.heardAll('ingest', 'shipping.replies');
      expect(await room.shop.told(orderId)).toEqual(told);
      expect((await room.shop.saga(orderId)).steps).toEqual(steps);
      await noneIsDead();
    });
  });

  const shippedBy = async (orderId: string) => {
    const { events } = (await room.shop.get(`/sagas/${orderId}/history`)).body;
    return events.find(({ type }) => type === 'OrderShipped')!;
  };

  describe('an answer that contradicts another', () => {
    it('is a dead letter that flags the saga; redriven it comes back, discarded it is gone, and the log stands', async () => {
      const { orderId } = await placeAndWait();
      const { commandId } = (await shippedBy(orderId)).data as { commandId: string };
      await room.put('shipping.replies', orderId, {
        type: 'ShippingFailed',
        data: { commandId, reason: 'lost' },
      });
      const letter = await letterOf(orderId);
      expect([letter.group, letter.topic]).toEqual(['ingest', 'shipping.replies']);
      expect(letter.error).toContain('was answered by OrderShipped before, and now by ShippingFailed');
      expect(await room.shop.saga(orderId)).toMatchObject({ state: 'completed', flags: ['dead-letter'] });
      expect((await placeAndWait()).state).toBe('completed');

      const before = await deaths();
      expect(await act('redrive', letter.id)).toBe(202);
      await until(deaths, (count) => count === before + 1);
      const again = await letterOf(orderId);
      expect(await act('discard', again.id, { note: 'it was shipped: asked by telephone' })).toBe(200);
      await until(
        () => room.shop.saga(orderId),
        ({ flags }) => flags.length === 0,
      );
      await noneIsDead();
      expect(await toldOf(orderId, 'OrderShipped')).toBe(1);
      await ledgerBalances(room.shop);
    });

    it('holds up what is said of an open order until a person has seen to it; other orders go on', async () => {
      let orderId = '';
      await whileAway(async () => {
        const open = await waiting();
        orderId = open.orderId;
        await room.put('shipping.replies', orderId, {
          type: 'OrderShipped',
          data: { commandId: open.commandId },
        });
        await letterOf(orderId);
      });
      await room.heardAll('shipping', 'shipping.commands');
      await room.heardAll('ingest', 'shipping.replies');
      expect((await placeAndWait()).state).toBe('completed');
      const saga = await room.shop.saga(orderId);
      expect([saga.state, saga.stuck, saga.flags]).toEqual([
        'shipping',
        true,
        expect.arrayContaining(['dead-letter']),
      ]);
      const letter = await letterOf(orderId);
      expect(letter.error).toContain('shipmentId');
      expect(await act('discard', letter.id, { note: 'not an answer' })).toBe(200);
      expect(await ended(room.shop, orderId)).toMatchObject({ state: 'completed', shipping: 'shipped' });
      await noneIsDead();
      await ledgerBalances(room.shop);
    });
  });

  it('is on record, late, and flags the saga where it has shipped what it was told to take back', async () => {
    let [orderId, commandId] = ['', ''];
    await whileAway(async () => {
      ({ orderId, commandId } = await waiting());
      await room.clear('shipping.commands');
      await takenBack(orderId);
    });
    expect(await ended(room.shop, orderId)).toMatchObject({ state: 'cancelled', payment: 'refunded' });
    await room.put('shipping.replies', orderId, {
      type: 'OrderShipped',
      data: { commandId, shipmentId: 'gone' },
    });
    const { flags } = await until(
      () => room.shop.saga(orderId),
      (saga) => saga.flags.length > 0,
    );
    expect(flags).toEqual(['late-answer']);
    expect((await shippedBy(orderId)).data).toEqual({ commandId, shipmentId: 'gone', late: true });
    expect(await room.shop.order(orderId)).toMatchObject({ state: 'cancelled', payment: 'refunded' });
    await noneIsDead();
    // The parcel is gone and the money is back: no answer makes that good, so it stays in sight.
    expect((await room.shop.ledger()).violations).toMatchObject([
      { code: 'cancelled-but-shipped', subject: orderId },
    ]);
  });
});
