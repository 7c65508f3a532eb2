import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatPosition, type Order, type Saga } from '@recourse/contracts/http';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { orderOf, type TestApi, testApis } from '../../test/api-kit.ts';

const apis = testApis();
afterAll(apis.closeAll);

describe('looking back at an order and its saga', () => {
  let api: TestApi;
  let orderId: string;
  let records: readonly RecordedEvent[];
  let head: number;
  beforeAll(async () => {
    api = await apis.start();
    orderId = (await api.post('/orders', orderOf(), { prefer: 'wait=60' })).json.orderId;
    head = await api.log.head();
    records = (await api.log.readAll(0, 1_000)).filter(({ correlation }) => correlation === orderId);
  });

  const orderAt = async (query: string): Promise<Order> =>
    (await api.get(`/orders/${orderId}?${query}`)).json;
  const sagaAt = async (query: string): Promise<Saga> => (await api.get(`/sagas/${orderId}?${query}`)).json;
  const at = (position: number) => `position=${formatPosition(position)}`;
  const positionOf = (type: string) => records.find((record) => record.type === type)!.position;

  it('shows at each position what was known then, and no more', async () => {
    expect(await orderAt(at(positionOf('OrderCreated')))).toMatchObject({ state: 'open', payment: 'none' });
    expect(await orderAt(at(positionOf('PaymentStarted')))).toMatchObject({ payment: 'started' });
    expect(await orderAt(at(positionOf('InventoryReserved')))).toMatchObject({
      state: 'open',
      inventory: 'reserved',
      shipping: 'none',
      shipmentId: null,
      endedAt: null,
    });
    expect(await orderAt(at(positionOf('OrderCompleted') - 1))).toMatchObject({ state: 'open' });
    expect(await orderAt(at(positionOf('OrderCompleted')))).toMatchObject({ state: 'completed' });
    expect(await orderAt(at(head))).toEqual((await api.get(`/orders/${orderId}`)).json);

    expect(await sagaAt(at(positionOf('OrderCreated')))).toMatchObject({
      state: 'accepted',
      revision: -1,
      steps: [],
    });
    const steps = records.filter(({ type }) => type === 'SagaAdvanced');
    for (const { position, revision } of steps) {
      const saga = await sagaAt(at(position));
      expect(saga).toMatchObject({ revision });
      expect(saga.steps).toHaveLength(revision + 1);
      expect(await sagaAt(`revision=${revision}`)).toEqual(saga);
    }
    expect(await sagaAt(at(head))).toEqual((await api.get(`/sagas/${orderId}`)).json);
  });

  it('takes a revision of the order as the moment of that record', async () => {
    expect(await orderAt('revision=0')).toEqual(await orderAt(at(positionOf('OrderCreated'))));
    expect(await orderAt('revision=1')).toEqual(await orderAt(at(positionOf('OrderCompleted'))));
  });

  it('takes a time with its own millisecond, in any offset', async () => {
    const { time } = records.find(({ type }) => type === 'PaymentStarted')!;
    const last = records.findLast((record) => record.time <= time)!.position;
    const text = new Date(time).toISOString();
    expect(await orderAt(`time=${text}`)).toEqual(await orderAt(at(last)));
    const shifted = new Date(time + 3_600_000).toISOString().replace('Z', '+01:00');
    expect(await orderAt(`time=${encodeURIComponent(shifted)}`)).toEqual(await orderAt(at(last)));
    const { sagaId, revision } = await sagaAt(`time=${text}`);
    expect({ sagaId, revision }).toEqual({ sagaId: orderId, revision: (await sagaAt(at(last))).revision });
  });

  it('says with one clear problem what cannot be shown', async () => {
    const before = positionOf('OrderCreated') - 1;
    const next = new Date(Date.now() + 60_000).toISOString();
    const beyond = formatPosition(head + 1);
    const refused: [string, number, string, RegExp][] = [
      ['revision=2', 404, 'not-found', /^Revision 2 of order-\S+ does not exist\.$/],
      [`position=${beyond}`, 404, 'not-found', new RegExp(`^Position ${beyond} \\(the log ends at`)],
      [at(before), 404, 'not-found', /was not there yet: it begins at 2.*, position 0/],
      [at(0), 404, 'not-found', /was not there yet/],
      [`time=${next}`, 404, 'not-found', /is still to come\.$/],
      ['time=2001-01-01T00:00:00Z', 404, 'not-found', /was not there yet/],
      ['time=yesterday', 400, 'invalid-request', /^time: must be a time as in RFC 3339/],
      ['position=12', 400, 'invalid-request', /^position: /],
      ['revision=-1', 400, 'invalid-request', /^revision: must be a whole number from 0$/],
      ['revison=1', 400, 'invalid-request', /^revison: is not a known field$/],
      [`revision=0&time=${next}`, 400, 'invalid-request', /^revision and time each name a moment: say one/],
    ];
    for (const [query, status, code, detail] of refused) {
      for (const kind of ['orders', 'sagas']) {
        if (kind === 'sagas' && query === 'revision=2') continue;
        const { json } = await api.get(`/${kind}/${orderId}?${query}`);
        expect({ kind, query, ...json }).toMatchObject({ kind, query, status, code });
        expect(json.detail).toMatch(detail);
      }
    }
    const nobody = '019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f';
    expect((await api.get(`/orders/${nobody}?${at(head)}`)).json.detail).toBe(
      `Order ${nobody} does not exist.`,
    );
    expect((await api.get(`/sagas/${orderId}?revision=5`)).json.detail).toBe(
      `Revision 5 of saga-${orderId} does not exist.`,
    );
  });
});
