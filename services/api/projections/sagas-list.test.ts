import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventData } from '@recourse/contracts/events';
import { openReadModels, type ReadModels } from '../read-models.ts';
import { openSagasByVersion, openSagasOf } from './sagas-list.ts';
import { type History, openHistory } from './testing/history.ts';

describe('the open sagas', () => {
  let dataDir: string;
  let history: History;
  let models: ReadModels;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-open-sagas-'));
    history = openHistory(dataDir);
    models = await openReadModels({ dataDir, logPath: history.logPath, log: history.log });
  });
  afterEach(async () => {
    await models.close();
    await history.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const onVersion2 = (value: string) => {
    const order = history.order().created();
    order.write('saga', 'SagaAdvanced', {
      input: { id: order.orderId, type: 'OrderCreated', category: 'order', revision: 0 },
      machine: { name: 'order-saga', version: 2 },
      state: { value, status: 'active', context: { sequence: {} } },
      timers: { set: [], cancelled: [] },
      commands: [],
    } as unknown as EventData['SagaAdvanced']);
    return order;
  };

  const write = async () => {
    const paying = [1, 2, 3].map(() => history.order().created().saga('paying', 'ProcessPayment'));
    const reserving = history.order().paid().saga('reserving', 'ReserveInventory');
    history.order().done();
    const authorizing = onVersion2('authorizing');
    const accepted = history.order().created();
    await models.waitFor(await history.settled());
    return { paying, reserving, authorizing, accepted };
  };

  it('are counted by the version of their machine and by state, those that have ended left out', async () => {
    await write();
    expect(await openSagasByVersion(models.read)).toEqual({
      rows: [
        { version: null, state: 'accepted', count: 1 },
        { version: 1, state: 'paying', count: 3 },
        { version: 1, state: 'reserving', count: 1 },
        { version: 2, state: 'authorizing', count: 1 },
      ],
      position: await history.log.head(),
    });
  });

  it('are listed by version in pages, newest first', async () => {
    const { paying, reserving, authorizing, accepted } = await write();
    const first = await openSagasOf(models.read, 1, { limit: 3 });
    expect(first).toMatchObject({
      ids: [reserving, paying[2], paying[1]].map((it) => it?.orderId),
      nextCursor: expect.any(String),
      position: await history.log.head(),
    });
    expect(await openSagasOf(models.read, 1, { limit: 3, cursor: first.nextCursor! })).toMatchObject({
      ids: [paying[0]?.orderId],
      nextCursor: null,
    });
    expect((await openSagasOf(models.read, 2, { limit: 3 })).ids).toEqual([authorizing.orderId]);
    expect((await openSagasOf(models.read, null, { limit: 3 })).ids).toEqual([accepted.orderId]);
    expect((await openSagasOf(models.read, 3, { limit: 3 })).ids).toEqual([]);
  });
});
