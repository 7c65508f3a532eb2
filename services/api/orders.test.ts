import { afterEach, describe, expect, it } from '@jest/globals';
import { Order } from '@recourse/contracts/http';
import { orderStream } from '@recourse/contracts/streams';
import { UnavailableError } from '@recourse/infra/errors';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { eventually, gate, orderOf, testApis } from '../../test/api-kit.ts';

const { start, closeAll } = testApis();
afterEach(closeAll);

/** Longer than a test may take: who waits is answered by the end, not by the time. */
const wait = { prefer: 'wait=60' };

describe('POST /orders', () => {
  it('answers 202 with the order and where it is', async () => {
    const api = await start({ running: false });
    const { status, json, headers } = await api.post('/orders', orderOf());
    expect(status).toBe(202);
    expect(Order.parse(json)).toMatchObject({ state: 'open', total: 510, customerId: 'customer-1' });
    expect(headers.get('location')).toBe(`/orders/${json.orderId}`);
    expect(headers.get('preference-applied')).toBeNull();
    expect((await api.get(`/orders/${json.orderId}`)).json).toEqual(json);
  });

  it('takes an order of a guest', async () => {
    const api = await start({ running: false });
    const { json } = await api.post('/orders', orderOf({ customerId: undefined }));
    expect(json.customerId).toBeNull();
  });

  it('computes the total over lines of which several have one SKU', async () => {
    const api = await start({ running: false });
    const lines = [
      { sku: '85123A', quantity: 3, unitPrice: 7 },
      { sku: '85123A', quantity: 1, unitPrice: 5 },
    ];
    expect((await api.post('/orders', orderOf({ lines }))).json.total).toBe(26);
  });

  it('waits for the end with Prefer: wait, and answers 200 with the order as it ended', async () => {
    const api = await start();
    const { status, json, headers } = await api.post('/orders', orderOf(), wait);
    expect([status, headers.get('preference-applied')]).toEqual([200, 'wait=60']);
    expect(json).toMatchObject({ state: 'completed', payment: 'processed', shipping: 'shipped' });
    expect((await api.get(`/orders/${json.orderId}`)).json).toEqual(json);
    expect(api.live.counts().waiters).toBe(0);
  });

  it('answers 200 as well where the order is taken back', async () => {
    const api = await start();
    const { status, json } = await api.post('/orders', orderOf({ paymentToken: 'tok_declined' }), wait);
    expect([status, json.state, json.because]).toEqual([200, 'cancelled', 'payment-failed']);
  });

  it('answers 202 with the order as it is when the wait is over', async () => {
    const api = await start({ running: false });
    const { status, json, headers } = await api.post('/orders', orderOf(), { prefer: 'wait=1' });
    expect([status, json.state, headers.get('preference-applied')]).toEqual([202, 'open', 'wait=1']);
    expect(api.live.counts().waiters).toBe(0);
  });

  it('waits no longer than it may', async () => {
    const api = await start({ running: false, limits: { waitSecondsMax: 0 } });
    const { status, headers } = await api.post('/orders', orderOf(), { prefer: 'respond-async, wait=600' });
    expect([status, headers.get('preference-applied')]).toEqual([202, 'wait=0']);
  });

  it('stops waiting for a caller who has gone', async () => {
    const api = await start({ running: false });
    const gone = new AbortController();
    const request = fetch(`${api.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...wait },
      body: JSON.stringify(orderOf()),
      signal: gone.signal,
    });
    await eventually(() => api.live.counts().waiters === 1);
    gone.abort();
    await expect(request).rejects.toThrow();
    await eventually(() => api.live.counts().waiters === 0);
  });

  it('stops waiting for a caller who has gone before the order was there', async () => {
    const appended = gate();
    const api = await start({
      running: false,
      wrapLog: (log) => ({
        ...log,
        append: async (stream, expected, events) => {
          if (stream.startsWith('order-')) await appended.opened;
          return log.append(stream, expected, events);
        },
      }),
    });
    const gone = new AbortController();
    const request = fetch(`${api.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...wait },
      body: JSON.stringify(orderOf()),
      signal: gone.signal,
    });
    await eventually(() => api.live.counts().waiters === 1);
    gone.abort();
    await expect(request).rejects.toThrow();
    await eventually(() => api.live.counts().waiters === 0);
    appended.open();
    await eventually(() => api.live.openOrders() === 1);
  });

  it('refuses who would wait where too many wait, and has no order from it', async () => {
    const api = await start({ running: false, live: { waitersMax: 1 } });
    const first = api.post('/orders', orderOf(), { prefer: 'wait=2' });
    await eventually(() => api.live.counts().waiters === 1);
    const head = await api.log.head();
    const second = await api.post('/orders', orderOf(), wait);
    expect([second.status, second.json.code, second.headers.get('retry-after')]).toEqual([
      503,
      'overloaded',
      '1',
    ]);
    expect(await api.log.head()).toBe(head);
    expect((await first).status).toBe(202);
  });
});

describe('an Idempotency-Key', () => {
  const key = { 'idempotency-key': 'invoice-536365' };

  it('answers the same order for the same body, whatever the order of its fields', async () => {
    const api = await start({ running: false });
    const first = await api.post('/orders', orderOf(), key);
    const { lines, ...rest } = orderOf();
    const again = await api.post('/orders', { lines, ...rest }, { 'idempotency-key': '"invoice-536365"' });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.json).toEqual(first.json);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(api.live.openOrders()).toBe(1);
  });

  it('answers 200 with the order at its end, with and without waiting', async () => {
    const api = await start();
    const first = await api.post('/orders', orderOf(), { ...key, ...wait });
    const again = await api.post('/orders', orderOf(), key);
    const waited = await api.post('/orders', orderOf(), { ...key, ...wait });
    expect([first.status, again.status, waited.status]).toEqual([200, 200, 200]);
    expect(again.json).toEqual(first.json);
    expect(waited.json).toEqual(first.json);
    expect(waited.headers.get('preference-applied')).toBe('wait=60');
  });

  it('lets a repeat wait for the end of the order that runs', async () => {
    const api = await start({ running: false });
    const first = await api.post('/orders', orderOf(), key);
    const again = api.post('/orders', orderOf(), { ...key, ...wait });
    await eventually(() => api.live.counts().waiters === 1);
    api.run();
    const { status, json } = await again;
    expect([status, json.orderId, json.state]).toEqual([200, first.json.orderId, 'completed']);
  });

  it('is refused with another body', async () => {
    const api = await start({ running: false });
    await api.post('/orders', orderOf(), key);
    const { status, json } = await api.post('/orders', orderOf({ country: 'Spain' }), key);
    expect([status, json.code]).toEqual([422, 'idempotency-key-reused']);
  });

  it('makes one order of twenty requests at once, and answers all of them alike', async () => {
    const api = await start();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api.post('/orders', orderOf(), index % 2 === 0 ? { ...key, ...wait } : key),
      ),
    );
    expect(new Set(answers.map(({ json }) => json.orderId)).size).toBe(1);
    expect(answers.every(({ status }) => status === 200 || status === 202)).toBe(true);
    expect(answers.filter((_, index) => index % 2 === 0).map(({ status }) => status)).toEqual(
      Array(10).fill(200),
    );
    const { orderId } = answers[0]?.json ?? {};
    expect(await api.log.headOf(orderStream('order', orderId))).toBe(1);
    await eventually(() => api.live.openOrders() === 0);
  });

  it('makes one order of two requests at once with two bodies, and refuses the other', async () => {
    const api = await start({ running: false });
    const answers = await Promise.all([
      api.post('/orders', orderOf({ country: 'Spain' }), { ...key, prefer: 'wait=1' }),
      api.post('/orders', orderOf({ country: 'Italy' }), { ...key, prefer: 'wait=1' }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 422]);
    expect(api.live.openOrders()).toBe(1);
    expect(api.live.counts().waiters).toBe(0);
  });
});

describe('a repeat that did not find the order, and creates it after its end', () => {
  it('answers the order as it ended, and leaves nothing open', async () => {
    const asked = gate();
    let hide = false;
    const api = await start({
      wrapLog: (log) => ({
        ...log,
        readStream: async (stream, options) => {
          if (!hide || options?.max !== 1 || !stream.startsWith('order-'))
            return log.readStream(stream, options);
          hide = false;
          const found = await log.readStream(stream, options);
          await asked.opened;
          return found;
        },
      }),
    });
    const key = { 'idempotency-key': 'k', ...wait };
    hide = true;
    const late = api.post('/orders', orderOf(), key);
    await eventually(() => !hide);
    const first = await api.post('/orders', orderOf(), key);
    asked.open();
    const { status, json } = await late;
    expect([status, json]).toEqual([200, first.json]);
    expect(api.live.openOrders()).toBe(0);
    expect(api.live.counts().waiters).toBe(0);
  });
});

describe('the valve', () => {
  const key = { 'idempotency-key': 'k' };

  it('counts an order that is being created', async () => {
    const synced = gate();
    const api = await start({
      running: false,
      limits: { openOrdersMax: 1 },
      wrapLog: (log) => ({
        ...log,
        append: async (stream, expected, events) => {
          if (stream.startsWith('order-')) await synced.opened;
          return log.append(stream, expected, events);
        },
      }),
    });
    const first = api.post('/orders', orderOf());
    await eventually(() => api.live.openOrders() === 1);
    expect((await api.post('/orders', orderOf())).status).toBe(503);
    synced.open();
    expect((await first).status).toBe(202);
  });

  it('closes at openOrdersMax, and opens when an order ends', async () => {
    const api = await start({ running: false, limits: { openOrdersMax: 2 } });
    await api.post('/orders', orderOf(), key);
    expect((await api.post('/orders', orderOf())).status).toBe(202);
    const refused = await api.post('/orders', orderOf());
    expect([refused.status, refused.json.code]).toEqual([503, 'overloaded']);
    expect(refused.headers.get('retry-after')).toBe('1');
    api.run();
    await eventually(() => api.live.openOrders() === 0);
    expect((await api.post('/orders', orderOf())).status).toBe(202);
  });

  it('lets in no more than openOrdersMax of many at once', async () => {
    const api = await start({ running: false, limits: { openOrdersMax: 5 } });
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.post('/orders', orderOf())));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(5);
    expect(api.live.openOrders()).toBe(5);
  });

  it('answers a known key while it is closed', async () => {
    const api = await start({ running: false, limits: { openOrdersMax: 1 } });
    const first = await api.post('/orders', orderOf(), key);
    expect((await api.post('/orders', orderOf())).status).toBe(503);
    const again = await api.post('/orders', orderOf(), key);
    expect([again.status, again.json]).toEqual([202, first.json]);
  });

  it('forgets an order that could not be created', async () => {
    const api = await start({ running: false, limits: { openOrdersMax: 1 }, wrapLog: failing('order') });
    expect((await api.post('/orders', orderOf())).status).toBe(503);
    expect(api.live.openOrders()).toBe(0);
  });
});

describe('a log that takes no writes', () => {
  it('is answered 503 with Retry-After, and says nothing of its inside', async () => {
    const api = await start({ running: false, wrapLog: failing('order') });
    const { status, json, headers, text } = await api.post('/orders', orderOf(), wait);
    expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'unavailable', '5']);
    expect(text).not.toContain('disk is full');
    expect(api.live.counts().waiters).toBe(0);
  });

  it('still answers a known key', async () => {
    let full = false;
    const api = await start({ running: false, wrapLog: (log) => failing('order', () => full)(log) });
    const key = { 'idempotency-key': 'k' };
    const first = await api.post('/orders', orderOf(), key);
    full = true;
    expect((await api.post('/orders', orderOf(), key)).json).toEqual(first.json);
    expect((await api.post('/orders', orderOf())).status).toBe(503);
  });
});

describe('while the process stops', () => {
  it('takes no new orders, and asks to close the connection', async () => {
    const api = await start({ running: false });
    api.stop();
    const { status, json, headers } = await api.post('/orders', orderOf());
    expect([status, json.code]).toEqual([503, 'stopping']);
    expect(headers.get('connection')).toBe('close');
    expect(headers.get('retry-after')).not.toBeNull();
  });

  it('still answers a known key, at once, and shows orders', async () => {
    const api = await start({ running: false });
    const key = { 'idempotency-key': 'k' };
    const { json } = await api.post('/orders', orderOf(), key);
    api.stop();
    expect((await api.post('/orders', orderOf(), { ...key, ...wait })).json).toEqual(json);
    expect((await api.get(`/orders/${json.orderId}`)).status).toBe(200);
    expect((await api.post(`/orders/${json.orderId}/cancel`)).json.code).toBe('stopping');
  });

  it('answers who waits with the order as it is', async () => {
    const api = await start({ running: false });
    const waiting = api.post('/orders', orderOf(), wait);
    await eventually(() => api.live.counts().waiters === 1);
    await eventually(() => api.live.openOrders() === 1);
    await api.live.close();
    expect((await waiting).status).toBe(202);
  });
});

describe('POST /orders/:id/cancel', () => {
  it('answers 202, again 202, and 200 once the order is cancelled', async () => {
    const api = await start({ running: false });
    const { json } = await api.post('/orders', orderOf());
    const cancel = `/orders/${json.orderId}/cancel`;
    const first = await api.post(cancel);
    expect([first.status, first.json.state]).toEqual([202, 'cancelling']);
    expect((await api.post(cancel)).status).toBe(202);
    expect(await api.log.headOf(orderStream('order', json.orderId))).toBe(1);
    api.run();
    await eventually(async () => (await api.post(cancel)).status === 200);
    const last = await api.post(cancel);
    expect([last.json.state, last.json.because]).toEqual(['cancelled', 'customer-cancelled']);
  });

  it('answers 409 once the order is completed', async () => {
    const api = await start();
    const { json } = await api.post('/orders', orderOf(), wait);
    const refused = await api.post(`/orders/${json.orderId}/cancel`);
    expect([refused.status, refused.json.code]).toEqual([409, 'order-completed']);
  });
});

describe('an order past the pivot', () => {
  it('is not cancelled any more, and its preview says why', async () => {
    // CompleteOrder cannot be obeyed: the order stays between OrderShipped and its end.
    const api = await start({ wrapLog: failing('order', (events) => events[0]?.type === 'OrderCompleted') });
    const { json } = await api.post('/orders', orderOf());
    await eventually(async () => (await api.get(`/orders/${json.orderId}`)).json.shipping === 'shipped');
    const refused = await api.post(`/orders/${json.orderId}/cancel`);
    expect([refused.status, refused.json.code]).toEqual([409, 'order-shipped']);
    const preview = await api.get(`/orders/${json.orderId}/cancel-preview`);
    expect([preview.json.cancellable, preview.json.undo]).toEqual([false, []]);
  });
});

describe('GET /orders/:id/cancel-preview', () => {
  it('says what would be undone', async () => {
    const api = await start({ running: false });
    const { json } = await api.post('/orders', orderOf());
    const preview = await api.get(`/orders/${json.orderId}/cancel-preview`);
    expect(preview.json).toMatchObject({ cancellable: true, reason: null });
    expect(preview.json.undo.map(({ command }: { command: string }) => command)).toEqual(['CancelOrder']);
  });
});

/** A log that takes no writes to the streams of one category, or only not such. */
const failing =
  (category: string, when: (events: readonly { readonly type: string }[]) => boolean = () => true) =>
  (log: EventLog): EventLog => ({
    ...log,
    append: async (stream, expectedRevision, events) => {
      if (stream.startsWith(`${category}-`) && when(events)) throw new UnavailableError('the disk is full');
      return log.append(stream, expectedRevision, events);
    },
  });
