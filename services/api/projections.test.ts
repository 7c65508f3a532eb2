import { afterEach, describe, expect, it } from '@jest/globals';
import { ProjectionList, ProjectionStatus } from '@recourse/contracts/http-projections';
import type * as standing from '@recourse/infra/ports/read-models';
import { RebuildRefusedError } from '@recourse/infra/ports/read-models';
import { testApis } from '../../test/api-kit.ts';

const orders: standing.ProjectionStatus = {
  name: 'orders',
  version: 1,
  build: 0,
  position: 0,
  state: 'running',
  error: null,
  rebuild: null,
};

const stopped: standing.ProjectionStatus = {
  ...orders,
  name: 'sagas',
  state: 'outdated',
  rebuild: {
    version: 2,
    build: 0,
    position: 0,
    head: 1,
    eventsPerSecond: 100,
    secondsLeft: null,
    pace: 'default',
    state: 'stopped',
    error: { message: 'no', position: 1, stream: 'order-1', type: 'OrderCreated' },
  },
};

describe('the API of the read models', () => {
  const { start, closeAll } = testApis();
  afterEach(closeAll);

  it('shows how far they are, and why one does not go on', async () => {
    const { get } = await start({ readModels: { status: async () => [orders, stopped] } });
    const { status, json } = await get('/projections');
    expect(status).toBe(200);
    const { head, items } = ProjectionList.parse(json);
    expect(Number(head)).toBeGreaterThan(0);
    expect(items[0]).toMatchObject({ name: 'orders', position: '0000000000000000', behind: Number(head) });
    expect(items[1]!.rebuild).toMatchObject({ state: 'stopped', error: { position: '0000000000000001' } });
    const one = await get('/projections/sagas');
    expect(ProjectionStatus.parse(one.json)).toEqual(items[1]);
  });

  it.each([
    ['/projections/orders/rebuild', undefined, [['orders'], 'default']],
    ['/projections/orders/rebuild', { pace: 'full' }, [['orders'], 'full']],
    ['/projections/rebuild', { pace: 5_000 }, ['all', 5_000]],
    ['/projections/rebuild', undefined, ['all', 'default']],
  ])('takes POST %s with %j', async (path, body, expected) => {
    const asked: unknown[] = [];
    const readModels = {
      status: async () => [orders],
      rebuild: async (...args: unknown[]) => void asked.push(args),
    };
    const { post } = await start({ readModels });
    const answer = await post(path, body);
    expect(answer.status).toBe(202);
    expect(asked).toEqual([expected]);
    expect(answer.headers.get('location')).toBe(path.replace('/rebuild', ''));
  });

  it.each(['fast', 0, -1, 1.5, null, ''])('refuses the pace %j', async (pace) => {
    const { post } = await start({ readModels: { status: async () => [orders] } });
    const { status, json } = await post('/projections/orders/rebuild', { pace });
    expect([status, json.code]).toEqual([400, 'invalid-request']);
  });

  it('says that a projection is not known, whatever is asked of it', async () => {
    const { get, post } = await start({ readModels: { status: async () => [orders] } });
    for (const answer of [await get('/projections/nope'), await post('/projections/nope/rebuild')])
      expect([answer.status, answer.json.code]).toEqual([404, 'not-found']);
  });

  it.each([
    ['rebuild-running', 409],
    ['no-space', 507],
  ] as const)('answers %s with %d', async (code, status) => {
    const refuse = async () => {
      throw new RebuildRefusedError(code, 'that is how it is');
    };
    const { post } = await start({ readModels: { status: async () => [orders], rebuild: refuse } });
    const answer = await post('/projections/rebuild', { pace: 'full' });
    expect([answer.status, answer.json.code, answer.json.detail]).toEqual([
      status,
      code,
      'That is how it is.',
    ]);
  });
});
