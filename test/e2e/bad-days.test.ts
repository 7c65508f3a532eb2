import { afterEach, describe, expect, it } from '@jest/globals';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { openShop, type Shop, until, usualOrder } from '../shop.ts';
import { ended } from './following.ts';

let shop: Shop;
afterEach(async () => {
  await shop.end();
});

describe('a disk that fails', () => {
  const refuses = async () => {
    const refused = await until(
      () => shop.post('/orders', usualOrder, { 'idempotency-key': 'during' }),
      ({ status }) => status === 503,
    );
    expect(refused.body.code).toBe('unavailable');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await shop.get('/health/ready')).status).toBe(503);
    expect((await shop.get('/health/live')).status).toBe(200);
  };
  /** Starts again on the same folder, as a person would after making room. */
  const startAgain = async (before: string) => {
    const { dataDir } = shop;
    await shop.close();
    shop = await openShop({ dataDir });
    expect(await ended(shop, before)).toMatchObject({ state: 'completed' });
    const again = await shop.post('/orders', usualOrder, { 'idempotency-key': 'during', prefer: 'wait=60' });
    expect([again.status, again.body.state]).toEqual([200, 'completed']);
    expect((await shop.ledger()).violations).toEqual([]);
    expect((await shop.ledger()).orders).toEqual({ open: 0, completed: 2, cancelled: 0 });
  };

  it('in a sync: answers 503, acknowledges nothing, still reads, and goes on after a restart', async () => {
    let failing = false;
    const beforeCommit = () => {
      if (failing) throw new Error('EIO: i/o error, fsync');
    };
    shop = await openShop({ overrides: { logOptions: { faults: { beforeCommit } } } });
    const { orderId } = await shop.placeAndWait();
    failing = true;
    await refuses();
    expect((await shop.order(orderId)).state).toBe('completed');
    await startAgain(orderId);
  });

  it('by being full: answers 503, acknowledges nothing, and goes on after a restart with room', async () => {
    shop = await openShop({ overrides: { logOptions: { maxPageCount: 40 } } });
    const { orderId } = await shop.placeAndWait();
    // What fills the disk is refused or acknowledged, and never acknowledged and lost.
    const acknowledged: string[] = [];
    for (let number = 0; ; number += 1) {
      const { status, body } = await shop.post('/orders', { ...usualOrder, customerId: `fills-${number}` });
      if (status === 503) break;
      acknowledged.push(body.orderId);
    }
    await refuses();
    const { dataDir } = shop;
    await shop.close();
    shop = await openShop({ dataDir });
    for (const id of [orderId, ...acknowledged])
      expect(await ended(shop, id)).toMatchObject({ state: 'completed' });
    expect((await shop.ledger()).violations).toEqual([]);
  });
});

describe('a message that its participant cannot handle', () => {
  let poisoned = true;
  /** Payment fails on one customer's order by a fault of its own, not of the log. */
  const wrapLog = (log: EventLog): EventLog => ({
    ...log,
    append: async (stream, expected, events) => {
      const [event] = events;
      if (poisoned && event?.type === 'PaymentStarted' && event.data.amount === 666)
        throw new TypeError('cannot charge 666');
      return log.append(stream, expected, events);
    },
  });
  const cursed = { lines: [{ sku: 'SKU-A', quantity: 1, unitPrice: 666 }] };

  it('is a dead letter that keeps its place: its order waits and is stuck, others go on, a retry brings it to its end', async () => {
    poisoned = true;
    shop = await openShop({ overrides: { wrapLog } });
    const orderId = await shop.place(cursed);
    expect((await shop.placeAndWait()).state).toBe('completed');
    const [dead] = await until(
      async () => (await shop.get('/dead-letters')).body.items,
      (items) => items.length > 0,
    );
    expect(dead).toMatchObject({
      group: 'payment',
      type: 'ProcessPayment',
      error: expect.stringContaining('666'),
    });
    expect(await shop.saga(orderId)).toMatchObject({ stuck: true, flags: ['dead-letter'] });
    const stuck = (await shop.get('/sagas?stuck=true')).body.items;
    expect(stuck.map((it) => ('sagaId' in it ? it.sagaId : ''))).toEqual([orderId]);
    // Asked again and again, the command does not pile up behind itself.
    await until(
      () => shop.saga(orderId),
      ({ steps }) => steps.length > 5,
    );
    expect(String((await shop.get('/metrics')).body)).toMatch(/^recourse_messages_waiting 0$/m);
    // The customer cancels: the undo waits behind the dead letter.
    expect((await shop.post(`/orders/${orderId}/cancel`)).status).toBe(202);
    poisoned = false;
    expect((await shop.post(`/sagas/${orderId}/retry`, { note: 'mended' })).status).toBe(202);
    expect(await ended(shop, orderId)).toMatchObject({ state: 'cancelled', because: 'customer-cancelled' });
    expect((await shop.get('/dead-letters')).body.items).toEqual([]);
    expect((await shop.ledger()).violations).toEqual([]);
  });

  it('can be discarded with a note: what waited behind it follows', async () => {
    poisoned = true;
    shop = await openShop({ overrides: { wrapLog } });
    const orderId = await shop.place(cursed);
    const [dead] = await until(
      async () => (await shop.get('/dead-letters')).body.items,
      (items) => items.length > 0,
    );
    const id = encodeURIComponent((dead as { id: string }).id);
    expect((await shop.post(`/dead-letters/${id}/discard`, {})).status).toBe(400);
    expect((await shop.post(`/orders/${orderId}/cancel`)).status).toBe(202);
    await until(
      () => shop.saga(orderId),
      ({ state }) => state === 'refunding',
    );
    const { status } = await shop.post(`/dead-letters/${id}/discard`, { note: 'never to be charged' });
    expect(status).toBeLessThan(300);
    expect(await ended(shop, orderId)).toMatchObject({ state: 'cancelled', payment: 'none' });
    expect((await shop.post(`/dead-letters/${id}/redrive`)).status).toBe(404);
    expect((await shop.ledger()).violations).toEqual([]);
  });
});
