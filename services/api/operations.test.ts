import { afterEach, describe, expect, it } from '@jest/globals';
import { DeadLetterList, Ledger, Receipt, Stock } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { UnavailableError } from '@recourse/infra/errors';
import type { PoisonMessages } from '@recourse/infra/ports/poison';
import { eventually, orderOf, testApis } from '../../test/api-kit.ts';

const { start, closeAll } = testApis();
afterEach(closeAll);

describe('POST /inventory/:sku/receipts', () => {
  it('answers 201 with what is on hand then', async () => {
    const api = await start();
    const { status, json, headers } = await api.post('/inventory/22086/receipts', { quantity: 5 });
    expect([status, headers.get('location')]).toEqual([201, '/inventory/22086']);
    expect(Receipt.parse(json)).toMatchObject({ sku: '22086', quantity: 5, onHand: 5 });
    expect((await api.post('/inventory/22086/receipts', { quantity: 2 })).json.onHand).toBe(7);
  });

  it('takes a SKU as it is written, slashes and blanks included', async () => {
    const api = await start();
    const path = `/inventory/${encodeURIComponent('a/b c?ß')}`;
    await api.post(`${path}/receipts`, { quantity: 1 });
    expect(Stock.parse((await api.get(path)).json)).toMatchObject({ sku: 'a/b c?ß', onHand: 1, revision: 0 });
  });

  it('takes goods in once for each key, and refuses the key with others', async () => {
    const api = await start();
    const key = { 'idempotency-key': 'file-1:22086' };
    const first = await api.post('/inventory/22086/receipts', { quantity: 5 }, key);
    const again = await api.post('/inventory/22086/receipts', { quantity: 5 }, key);
    expect([again.status, again.json]).toEqual([201, first.json]);
    for (const [sku, quantity] of [
      ['22086', 6],
      ['84029G', 5],
    ]) {
      const refused = await api.post(`/inventory/${sku}/receipts`, { quantity }, key);
      expect([refused.status, refused.json.code]).toEqual([422, 'idempotency-key-reused']);
    }
    expect((await api.get('/inventory/22086')).json.onHand).toBe(5);
  });

  it.each([
    [{ quantity: 0 }, 'quantity'],
    [{ quantity: -3 }, 'quantity'],
    [{ quantity: 1.5 }, 'quantity'],
    [{ quantity: '5' }, 'quantity'],
    [{ quantity: 1_000_000_001 }, 'quantity'],
    [{}, 'quantity'],
    [{ quantity: 1, sku: 'x' }, 'sku'],
  ])('refuses %j, naming the field', async (body, path) => {
    const api = await start();
    const { status, json } = await api.post('/inventory/22086/receipts', body);
    expect([status, json.code, json.errors[0].path]).toEqual([400, 'invalid-request', path]);
    expect((await api.get('/inventory/22086')).status).toBe(404);
  });
});

describe('dead letters', () => {
  /** An API with one order of which payment can make nothing: its message is dead. */
  const withDeadLetter = async () => {
    let broken = true;
    const api = await start({
      retryDelaysMs: [],
      wrapLog: (log) => ({
        ...log,
        append: async (stream, expected, events) => {
          if (broken && stream.startsWith('payment-')) throw new Error('a bug, of tok_accepted');
          return log.append(stream, expected, events);
        },
      }),
    });
    const { json } = await api.post('/orders', orderOf());
    await eventually(async () => (await api.broker.deadLetters.counts()).dead === 1);
    const list = async () => DeadLetterList.parse((await api.get('/dead-letters')).json).items;
    const [letter] = await list();
    const repair = () => {
      broken = false;
    };
    return { api, orderId: json.orderId as OrderId, id: letter?.id ?? '', letter, list, repair };
  };

  it('are shown, and flag their saga', async () => {
    const { api, orderId, letter } = await withDeadLetter();
    expect(letter).toMatchObject({ group: 'payment', orderId, type: 'ProcessPayment' });
    const saga = await api.get(`/sagas/${orderId}`);
    expect([saga.json.stuck, saga.json.flags]).toEqual([true, ['dead-letter']]);
  });

  it('are redriven, once the bug is gone to the end of their order', async () => {
    const { api, orderId, id, repair } = await withDeadLetter();
    repair();
    const { status, json } = await api.post(`/dead-letters/${encodeURIComponent(id)}/redrive`);
    expect([status, json.orderId]).toEqual([202, orderId]);
    await eventually(async () => (await api.get(`/orders/${orderId}`)).json.state === 'completed');
    expect((await api.post(`/dead-letters/${encodeURIComponent(id)}/redrive`)).status).toBe(404);
  });

  it('are redriven by a retry of their saga', async () => {
    const { api, orderId, repair } = await withDeadLetter();
    repair();
    expect((await api.post(`/sagas/${orderId}/retry`)).status).toBe(202);
    await eventually(async () => (await api.get(`/orders/${orderId}`)).json.state === 'completed');
  });

  it('are discarded with a note, and only so', async () => {
    const { api, id, list } = await withDeadLetter();
    const path = `/dead-letters/${encodeURIComponent(id)}/discard`;
    const refused = await api.post(path, { note: '' });
    expect([refused.status, refused.json.errors[0].path]).toEqual([400, 'note']);
    expect((await api.post(path, { note: 'settled by telephone' })).status).toBe(200);
    expect(await list()).toEqual([]);
    expect((await api.post(path, { note: 'again' })).status).toBe(404);
  });

  it('come in pages', async () => {
    const { api, id } = await withDeadLetter();
    await api.post('/orders', orderOf());
    await eventually(async () => (await api.broker.deadLetters.counts()).dead === 2);
    const first = await api.get('/dead-letters?limit=1');
    expect([first.json.items.length, first.json.nextCursor]).toEqual([1, id]);
    const second = await api.get(`/dead-letters?limit=1&cursor=${encodeURIComponent(first.json.nextCursor)}`);
    expect([second.json.items.length, second.json.nextCursor]).toEqual([1, null]);
    expect(second.json.items[0].id).not.toBe(id);
  });
});

describe('what operators look at', () => {
  it('the ledger, as the read model has it', async () => {
    const api = await start();
    expect(Ledger.parse((await api.get('/ledger')).json).violations).toEqual([]);
  });

  it('the ledger is to be asked for later where its files fail', async () => {
    const ledger = async () => {
      throw new UnavailableError('the read model ledger cannot be written: database is locked');
    };
    const api = await start({ readModels: { ledger } });
    const { status, json, headers } = await api.get('/ledger');
    expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'unavailable', '5']);
    expect(json.detail).toContain('a read model');
  });

  it('the process lives and is ready', async () => {
    const api = await start();
    expect((await api.get('/health/live')).json).toEqual({ status: 'ok' });
    expect((await api.get('/health/ready')).json).toEqual({ status: 'ok' });
  });

  it('it is not ready for a reason, which it says', async () => {
    const api = await start({ ready: () => ['the event log takes no writes'] });
    const { status, json, headers } = await api.get('/health/ready');
    expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'unavailable', '5']);
    expect(json.errors).toEqual([{ path: '', message: 'the event log takes no writes' }]);
    expect((await api.get('/health/live')).status).toBe(200);
  });

  it('it is not ready while it stops', async () => {
    const api = await start();
    api.stop();
    expect((await api.get('/health/ready')).json.code).toBe('stopping');
  });

  it('metrics: orders, durations, lag, dead letters, poison, append time, event-loop delay', async () => {
    const api = await start({
      readModels: { counts: async () => ({ open: 5, cancelling: 2, completed: 2, cancelled: 1 }) },
      poison: { count: async () => 3 } as PoisonMessages,
    });
    await api.post('/orders', orderOf(), { prefer: 'wait=60' });
    const { status, text, headers } = await api.get('/metrics');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    const value = (name: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      );
    expect(value('recourse_orders{state="open"}')).toBe(3);
    expect(value('recourse_orders_open')).toBe(0);
    expect(value('recourse_saga_duration_seconds_count{outcome="completed"}')).toBe(1);
    expect(value('recourse_consumer_lag_records{group="payment"}')).toBeGreaterThanOrEqual(0);
    expect(value('recourse_dead_letters')).toBe(0);
    expect(value('recourse_messages_waiting')).toBe(0);
    expect(value('recourse_poison_open')).toBe(3);
    expect(value('recourse_log_append_seconds_count')).toBeGreaterThan(5);
    expect(value('recourse_event_loop_delay_seconds{quantile="0.99"}')).toBeGreaterThan(0);
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  });
});

describe('a fault on this side', () => {
  it('answers 500 and says no more than that; the log says what, without personal data', async () => {
    const api = await start({
      readModels: {
        ledger: () => {
          throw Object.assign(new Error('the inside of things'), { paymentToken: 'canary-4711' });
        },
      },
    });
    const { status, json, text } = await api.get('/ledger');
    expect([status, json.code]).toEqual([500, 'internal']);
    expect(text).not.toMatch(/inside of things|operations\.ts|at /);
    const logged = api.lines.join('');
    expect(logged).toContain('the inside of things');
    expect(logged).not.toContain('canary-4711');
  });

  it('is 503 where a store cannot be reached', async () => {
    const api = await start({
      readModels: { listOrders: () => Promise.reject(new UnavailableError('read models are gone')) },
    });
    const { status, json } = await api.get('/orders');
    expect([status, json.code]).toEqual([503, 'unavailable']);
  });

  it('is not logged where it is the caller’s, above debug', async () => {
    const api = await start();
    await api.post('/orders', orderOf({ lines: [] }));
    await api.post('/orders', orderOf(), { prefer: 'wait=60' });
    const levels = api.lines.map((line) => JSON.parse(line).level);
    expect(levels.filter((level) => level > 20)).toEqual([]);
  });
});
