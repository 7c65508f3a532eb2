import { afterEach, describe, expect, it } from '@jest/globals';
import { DeadLetter, DeadLetterList } from '@recourse/contracts/http';
import { PoisonList } from '@recourse/contracts/http-dead-letters';
import { eventually, orderOf, testApis } from '../../test/api-kit.ts';

const { start, closeAll } = testApis();
afterEach(closeAll);

/** An API with so many orders of which payment can make nothing: their messages are dead. */
const withDeadLetters = async (count: number) => {
  let broken = true;
  const api = await start({
    retryDelaysMs: [],
    wrapLog: (log) => ({
      ...log,
      append: async (stream, expected, events) => {
        if (broken && stream.startsWith('payment-')) throw new Error('a bug');
        return log.append(stream, expected, events);
      },
    }),
  });
  for (let n = 0; n < count; n += 1) await api.post('/orders', orderOf());
  await eventually(async () => (await api.broker.deadLetters.counts()).dead === count);
  const list = async () => DeadLetterList.parse((await api.get('/dead-letters')).json).items;
  const repair = () => {
    broken = false;
  };
  return { api, list, repair };
};

describe('dead letters', () => {
  it('are shown one by one', async () => {
    const { api, list } = await withDeadLetters(1);
    const [letter] = await list();
    const { status, json } = await api.get(`/dead-letters/${encodeURIComponent(letter!.id)}`);
    expect([status, DeadLetter.parse(json)]).toEqual([200, letter]);
    expect((await api.get('/dead-letters/4711-0-nobody')).json.code).toBe('not-found');
  });

  it('are redriven many at a time: those that are none any more are named', async () => {
    const { api, list, repair } = await withDeadLetters(3);
    const [first, second, third] = await list();
    repair();
    const ids = [first!.id, second!.id, '4711-0-nobody'];
    const { status, json } = await api.post('/dead-letters/redrive', { ids });
    expect([status, json]).toEqual([202, { redriven: 2, unknown: ['4711-0-nobody'] }]);
    await eventually(async () => (await api.broker.deadLetters.counts()).dead === 1);
    expect(await list()).toEqual([third]);
  });

  it('are redriven all at once, each once', async () => {
    const { api, repair } = await withDeadLetters(3);
    const failing = await api.post('/dead-letters/redrive', { all: true });
    expect([failing.status, failing.json]).toEqual([202, { redriven: 3, unknown: [] }]);
    await eventually(async () => (await api.broker.deadLetters.counts()).dead === 3);
    repair();
    expect((await api.post('/dead-letters/redrive', { all: true })).json.redriven).toBe(3);
    await eventually(async () => (await api.broker.deadLetters.counts()).dead === 0);
  });

  it.each([[{}], [{ ids: [] }], [{ ids: ['a'], all: true }], [{ all: false }]])(
    'are redriven for a request that says which, not for %j',
    async (body) => {
      const api = await start();
      const { status, json } = await api.post('/dead-letters/redrive', body);
      expect([status, json.code]).toEqual([400, 'invalid-request']);
    },
  );
});

describe('poison', () => {
  it('there is none where nothing is copied', async () => {
    const api = await start();
    expect(PoisonList.parse((await api.get('/poison')).json)).toEqual({ items: [], nextCursor: null });
    expect((await api.get('/poison/poison-1')).status).toBe(404);
    expect((await api.post('/poison/poison-1/redrive')).status).toBe(404);
    expect((await api.post('/poison/poison-1/discard', { note: 'x' })).status).toBe(404);
  });
});
