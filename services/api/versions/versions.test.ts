import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { stamp } from '@recourse/infra/event-id';
import { noStream } from '@recourse/infra/ports/event-log';
import { orderOf, startTestApi } from '../../../test/api-kit.ts';
import { openShop, type Shop, until } from '../../../test/shop.ts';

/** Orders stand still where the provider or the carrier is held up; nobody asks again while a test runs. */
const held = () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
};

let shop: Shop;
let provider: ReturnType<typeof held>;
let carrier: ReturnType<typeof held>;
const open = async (flags: Record<string, string> = {}, dataDir?: string) => {
  provider = held();
  carrier = held();
  shop = await openShop({
    ...(dataDir === undefined ? {} : { dataDir }),
    flags: { askDelaysMs: '600000', ...flags },
    overrides: {
      wrapGateway: (gateway) => ({
        ...gateway,
        charge: async (request) => {
          if (request.paymentToken === 'tok_held') await provider.opened;
          return gateway.charge(request);
        },
      }),
      wrapCarrier: (it) => ({
        ...it,
        ship: async (request) => {
          await carrier.opened;
          return it.ship(request);
        },
      }),
    },
  });
};
beforeEach(() => open());
afterEach(async () => {
  provider.open();
  carrier.open();
  await shop.end();
});

const place = async (state: string, changes: Record<string, unknown> = {}) => {
  const id = await shop.place(changes);
  await until(
    () => shop.saga(id),
    (saga) => saga.state === state,
  );
  return id;
};
const shipping = () => place('shipping');
const paying = () => place('paying', { paymentToken: 'tok_held' });
const get = async (path: string) => (await shop.get(path)).body as Record<string, unknown>;
const post = async (path: string, body: unknown = {}) =>
  (await shop.post(path, body)).body as Record<string, unknown>;
const plan = (to = 2, query = '') => get(`/versions/plan?to=${to}${query}`);
const counted = async (items: unknown) => {
  const body = await until(
    () => get('/versions'),
    (it) => JSON.stringify(it.items) === JSON.stringify(items),
  );
  expect(body.items).toEqual(items);
};
const machineOf = async (id: string) => (await shop.saga(id)).machine?.version;
const headOf = () => shop.recourse.log.head();

describe('versions of the saga', () => {
  it('are listed with the open sagas by state, and what new orders begin on', async () => {
    await shipping();
    await shipping();
    await paying();
    await counted([
      { version: 1, state: 'paying', count: 1 },
      { version: 1, state: 'shipping', count: 2 },
    ]);
    expect(await get('/versions')).toMatchObject({
      known: [1, 2],
      newOrders: { version: 1, percent: 100 },
    });
  });

  it('run side by side: what is open stays on its own, what is new begins on the one that is configured', async () => {
    const old = await shipping();
    await shop.close();
    await open({ sagaVersion: '2' }, shop.dataDir);
    const young = await shipping();
    expect([await machineOf(old), await machineOf(young)]).toEqual([1, 2]);
    await counted([
      { version: 1, state: 'shipping', count: 1 },
      { version: 2, state: 'shipping', count: 1 },
    ]);
    carrier.open();
    await shop.post(`/sagas/${old}/retry`);
    for (const id of [old, young])
      await until(
        () => shop.order(id),
        ({ state }) => state === 'completed',
      );
    expect(await shop.told(young)).toEqual(expect.arrayContaining(['→ CapturePayment', 'PaymentCaptured']));
    expect(await shop.told(old)).not.toContain('→ CapturePayment');
    expect((await shop.ledger()).violations).toEqual([]);
  });
});

describe('the plan of a migration', () => {
  it('says what could move and to which state, what could not and why, and touches nothing', async () => {
    await shipping();
    await shipping();
    const stuck = await paying();
    const before = await headOf();
    expect(await plan()).toEqual({
      to: 2,
      position: String(before).padStart(16, '0'),
      open: 3,
      examined: 3,
      nextCursor: null,
      thereAlready: 0,
      canMove: [{ from: 1, state: 'shipping', to: 'shipping', count: 2 }],
      cannotMove: [
        {
          from: 1,
          state: 'paying',
          code: 'other-command',
          why: 'it waits for ProcessPayment; version 2 would wait for AuthorizePayment, in authorizing',
          count: 1,
          sagas: [stuck],
        },
      ],
    });
    expect(await plan(1)).toMatchObject({ thereAlready: 3, canMove: [], cannotMove: [] });
    expect(await headOf()).toBe(before);
  });

  it('comes in parts, which together are the whole', async () => {
    for (let count = 0; count < 5; count += 1) await shipping();
    const parts: number[] = [];
    for (let cursor = ''; ; ) {
      const part = await plan(2, `&limit=2${cursor}`);
      parts.push(part.examined as number);
      expect(part.open).toBe(5);
      if (part.nextCursor === null) break;
      cursor = `&cursor=${part.nextCursor}`;
    }
    expect(parts).toEqual([2, 2, 1]);
  });

  it('counts an order that has not begun, and leaves out one that has ended', async () => {
    const done = await shipping();
    carrier.open();
    await until(
      () => shop.order(done),
      ({ state }) => state === 'completed',
    );
    const nothing = await until(
      () => plan(),
      ({ open }) => open === 0,
    );
    expect(nothing).toMatchObject({ open: 0, canMove: [], cannotMove: [] });
  });

  it.each([
    ['/versions/plan?to=3', 400, 'unknown-version'],
    ['/versions/plan', 400, 'invalid-request'],
    ['/versions/plan?to=two', 400, 'invalid-request'],
    ['/versions/plan?to=2&cursor=x', 400, 'invalid-request'],
  ])('%s answers %i %s', async (path, status, code) => {
    const answer = await shop.get(path);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

it('an order whose saga is of a version that this build does not know is shown, and says so where that matters', async () => {
  const api = await startTestApi({ running: false });
  try {
    await api.stock('85123A', 1);
    const { orderId } = (await api.post('/orders', orderOf())).json;
    const data = {
      input: { id: orderId, type: 'OrderCreated', category: 'order' as const, revision: 0 },
      machine: { name: 'order-saga' as const, version: 99 },
      state: { value: 'reserving', status: 'active' as const, context: { sequence: {} } },
      commands: [],
      timers: { set: [], cancelled: [] },
    };
    const step = stamp([{ type: 'SagaAdvanced', data }], orderId, orderId);
    await api.log.append(orderStream('saga', orderId), noStream, step);
    expect((await api.get(`/sagas/${orderId}`)).json).toMatchObject({ machine: { version: 99 }, next: [] });
    const preview = await api.get(`/orders/${orderId}/cancel-preview`);
    expect([preview.status, preview.json.code]).toEqual([503, 'unavailable']);
    expect(preview.json.detail).toContain('order-saga version 99 is not known');
  } finally {
    await api.close();
  }
});

describe('a migration', () => {
  it('moves what can move, stands in the log with its note, and asked again does nothing', async () => {
    const ids = [await shipping(), await shipping()];
    const stuck = await paying();
    const done = await post('/versions/migrations', { to: 2, note: 'deploy 7' });
    expect(done).toMatchObject({
      open: 3,
      examined: 3,
      nextCursor: null,
      moved: [{ from: 1, state: 'shipping', to: 'shipping', count: 2 }],
      movedOn: 0,
      pending: 0,
      cannotMove: [{ code: 'other-command', count: 1 }],
    });
    for (const id of ids) {
      expect(await machineOf(id)).toBe(2);
      const [wish] = await shop.recourse.log.readStream(orderStream('saga-input', id as OrderId));
      expect(wish).toMatchObject({
        type: 'SagaMigrationRequested',
        data: { from: 1, to: 2, atRevision: 2, note: 'deploy 7' },
      });
    }
    expect(await machineOf(stuck)).toBe(1);
    const head = await headOf();
    expect(await post('/versions/migrations', { to: 2 })).toMatchObject({ moved: [], pending: 0 });
    expect(await headOf()).toBe(head);

    carrier.open();
    for (const id of ids) {
      const order = await until(
        () => shop.order(id),
        ({ state }) => state === 'completed',
      );
      expect(order.payment).toBe('processed');
    }
    expect((await shop.ledger()).violations).toEqual([]);
  });

  it('goes in batches, on from a cursor or from the beginning', async () => {
    for (let count = 0; count < 3; count += 1) await shipping();
    const first = await post('/versions/migrations', { to: 2, batch: 2 });
    expect(first).toMatchObject({ examined: 2, moved: [{ count: 2 }] });
    const rest = await post('/versions/migrations', { to: 2, batch: 2, cursor: first.nextCursor });
    expect(rest).toMatchObject({ examined: 1, moved: [{ count: 1 }], nextCursor: null });
    await counted([{ version: 2, state: 'shipping', count: 3 }]);
  });

  it('is undone for each saga that has taken no step since, and only once', async () => {
    const [still, gone] = [await shipping(), await shipping()];
    await post('/versions/migrations', { to: 2 });
    await shop.post(`/orders/${gone}/cancel`);
    await until(
      () => shop.saga(gone),
      ({ state }) => state === 'cancellingShipment',
    );
    expect(await post('/versions/migrations/undo', { note: 'not yet' })).toMatchObject({
      moved: [{ from: 2, state: 'shipping', to: 'shipping', count: 1 }],
      cannotMove: [],
    });
    expect([await machineOf(still), await machineOf(gone)]).toEqual([1, 2]);
    const head = await headOf();
    expect(await post('/versions/migrations/undo')).toMatchObject({ moved: [], pending: 0 });
    expect(await headOf()).toBe(head);
    expect(await post('/versions/migrations', { to: 2 })).toMatchObject({ moved: [{ count: 1 }] });
  });

  it.each([
    [{ to: 3 }, 400, 'unknown-version'],
    [{}, 400, 'invalid-request'],
    [{ to: 2, batch: 0 }, 400, 'invalid-request'],
    [{ to: 2, note: '' }, 400, 'invalid-request'],
  ])('with %j is refused', async (body, status, code) => {
    const answer = await shop.post('/versions/migrations', body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});
