import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { History, Saga } from '@recourse/contracts/http';
import { eventually, orderOf, type TestApi, testApis, wholeWay } from '../../test/api-kit.ts';
import { longSaga } from '../../test/long-saga.ts';

const { start, closeAll } = testApis();

/** One API with an order that has completed. */
let shared: { readonly api: TestApi; readonly order: { readonly orderId: string } };
beforeAll(async () => {
  const api = await start();
  const { json: order } = await api.post('/orders', orderOf(), { prefer: 'wait=60' });
  shared = { api, order };
});
afterAll(closeAll);

describe('GET /sagas/:id', () => {
  it('shows an order that its saga has not begun as accepted', async () => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    const { status, json } = await api.get(`/sagas/${order.orderId}`);
    expect(status).toBe(200);
    expect(Saga.parse(json)).toMatchObject({ state: 'accepted', revision: -1, steps: [], stuck: false });
  });

  it('shows each step with what it heard and asked', async () => {
    const { api, order } = shared;
    const saga = Saga.parse((await api.get(`/sagas/${order.orderId}`)).json);
    expect(saga).toMatchObject({ state: 'completed', waitsFor: null, deadline: null, next: [] });
    expect(saga.steps.map(({ heard }) => heard.type)).toEqual([
      'OrderCreated',
      'PaymentProcessed',
      'InventoryReserved',
      'OrderShipped',
      'OrderCompleted',
    ]);
  });

  it('shows the last 1,000 steps of a saga that has taken more, from no more records than that', async () => {
    const { api, orderId, read } = await longSaga(start, 1_500);
    read.records = 0;
    const saga = Saga.parse((await api.get(`/sagas/${orderId}`)).json);
    expect([saga.revision, saga.steps.length]).toEqual([1_500, 1_000]);
    expect([saga.steps[0]?.revision, saga.steps.at(-1)?.revision]).toEqual([501, 1_500]);
    expect(read.records).toBeLessThan(1_020);
    const was = Saga.parse((await api.get(`/sagas/${orderId}?revision=1200`)).json);
    expect([was.revision, was.steps.length, was.steps[0]?.revision]).toEqual([1_200, 1_000, 201]);
    const young = Saga.parse((await api.get(`/sagas/${orderId}?revision=1`)).json);
    expect(young.steps.map(({ revision }) => revision)).toEqual([0, 1]);
    // Its first step, which set the deadline, is not among those shown.
    expect(saga.deadline).toBe(young.deadline);
    expect(History.parse((await api.get(`/sagas/${orderId}/history`)).json).events.length).toBeGreaterThan(
      1_500,
    );
    expect((await api.get(`/sagas/${orderId}?revision=1501`)).status).toBe(404);
  });

  it('shows the saga as it was at a revision', async () => {
    const { api, order } = shared;
    const { json } = await api.get(`/sagas/${order.orderId}?revision=1`);
    expect(json).toMatchObject({ state: 'reserving', revision: 1, waitsFor: { type: 'ReserveInventory' } });
    expect(json.steps).toHaveLength(2);
    expect((await api.get(`/sagas/${order.orderId}?revision=4`)).json.state).toBe('completed');
  });

  it.each([
    ['revision=5', 404, 'not-found'],
    ['revision=-1', 400, 'invalid-request'],
    ['revision=', 400, 'invalid-request'],
    ['revision=1.5', 400, 'invalid-request'],
    ['at=1', 400, 'invalid-request'],
  ])('answers ?%s with %s', async (query, status, code) => {
    const { api, order } = shared;
    const answer = await api.get(`/sagas/${order.orderId}?${query}`);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  it('is stuck when it is open past its deadline and some more, even if it never started', async () => {
    const api = await start({ running: false, limits: { deadlineMs: 0, stuckAfterMs: 0 } });
    const { json: order } = await api.post('/orders', orderOf());
    await eventually(async () => (await api.get(`/sagas/${order.orderId}`)).json.stuck);
  });
});

describe('GET /sagas/:id/history', () => {
  it('holds every event of the order as a CloudEvent, in the order of the log, with what it moved in the stock', async () => {
    const { api, order } = shared;
    const history = History.parse((await api.get(`/sagas/${order.orderId}/history`)).json);
    const commands = new Set(['ProcessPayment', 'ReserveInventory', 'ShipOrder', 'CompleteOrder']);
    const told = wholeWay.filter((name) => !commands.has(name));
    told.splice(told.indexOf('ReservationStarted') + 1, 0, 'StockTaken');
    expect(history.events.map(({ type }) => type)).toEqual(told);
    expect(history.events.every(({ subject }) => subject === order.orderId)).toBe(true);
  });
});
