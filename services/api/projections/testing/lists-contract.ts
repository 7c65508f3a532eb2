import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { EventData } from '@recourse/contracts/events';
import { OrderList, type OrderListQuery, SagaList, type SagaListQuery } from '@recourse/contracts/http';
import type { ReadModels } from '../../read-models.ts';
import { openSagasByVersion, openSagasOf } from '../sagas-list.ts';
import type { Engine, OpenEngine } from './engines.ts';
import { type History, openHistory, orderIdOf, standingClock } from './history.ts';

/** What lists and counts promise, on whichever engine their rows are: to be called in a `describe`. */
export const listsContract = (open: OpenEngine): void => {
  const clock = standingClock();
  let dataDir: string;
  let history: History;
  let engine: Engine;
  let models: ReadModels;
  let dead: string[];
  beforeEach(async () => {
    dead = [];
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-lists-'));
    history = openHistory(dataDir, clock);
    engine = await open(history, { deadlineMs: 300_000, deadLetterKeys: () => dead });
    models = engine.models;
  });
  afterEach(async () => {
    await engine.close();
    await history.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const caughtUp = async () => models.waitFor(await history.settled());
  const orders = async (query: Partial<OrderListQuery> = {}) =>
    OrderList.parse(await models.listOrders({ limit: 50, ...query }));
  const ids = async (query: Partial<OrderListQuery> = {}) =>
    (await orders(query)).items.map(({ orderId }) => orderId);
  const sagas = async (query: Partial<SagaListQuery> = {}, now = clock.now()) =>
    SagaList.parse(
      await models.listSagas(
        { limit: 50, ...query },
        { now, deadlineMs: 300_000, stuckAfterMs: 60_000, deadLetterKeys: dead },
      ),
    );
  const sagaIds = async (query: Partial<SagaListQuery> = {}, now?: number) =>
    (await sagas(query, now)).items.map(({ sagaId }) => sagaId);
  const at = (ms: number) => new Date(ms).toISOString();

  it('count orders by state, and say at which position', async () => {
    history.order().done();
    history.order().inStock();
    history.order().paid().saga('refunding', 'RefundPayment', 'customer-cancelled');
    history.order().paid().givenBack('customer-cancelled', { stock: false });
    await caughtUp();
    const position = await history.log.head();
    const counts = { open: 2, cancelling: 1, completed: 1, cancelled: 1, position };
    expect(await models.counts()).toEqual(counts);
    expect(await models.countedFrom()).toEqual(counts);
  });

  it('list orders newest first, by customer, by state and by time', async () => {
    const first = history.order({ customerId: 'ann' }).done();
    await history.settled();
    clock.move(1_000);
    const second = history.order({ customerId: 'bob' }).inStock();
    await history.settled();
    clock.move(1_000);
    const third = history.order({ customerId: 'ann' }).paid();
    third.givenBack('customer-cancelled', { stock: false });
    await caughtUp();

    expect(await ids()).toEqual([third.orderId, second.orderId, first.orderId]);
    expect(await ids({ customerId: 'ann' as never })).toEqual([third.orderId, first.orderId]);
    expect(await ids({ state: 'open' })).toEqual([second.orderId]);
    expect(await ids({ customerId: 'ann' as never, state: 'cancelled' })).toEqual([third.orderId]);
    const [from, to] = [at(clock.now() - 1_000), at(clock.now())];
    expect(await ids({ from })).toEqual([third.orderId, second.orderId]);
    expect(await ids({ from, to })).toEqual([second.orderId]);
    expect(await ids({ to: from })).toEqual([first.orderId]);
    expect(await ids({ from: at(clock.now() + 1) })).toEqual([]);
    expect((await orders({ state: 'cancelled' })).items).toEqual([
      {
        orderId: third.orderId,
        state: 'cancelled',
        customerId: 'ann',
        currency: 'GBP',
        country: 'France',
        total: 500,
        because: 'customer-cancelled',
        createdAt: to,
        endedAt: to,
      },
    ]);
  });

  it('keep pages where they were while orders come in and move', async () => {
    for (let n = 1; n <= 25; n += 1) history.order({ orderId: orderIdOf(n) }).created();
    await caughtUp();
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 10; page += 1) {
      const list = await orders({ limit: 7, ...(cursor !== undefined && { cursor }) });
      seen.push(...list.items.map(({ orderId }) => orderId));
      if (list.nextCursor === null) break;
      cursor = list.nextCursor;
      history.order({ orderId: orderIdOf(100 + page) }).created();
      await caughtUp();
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => orderIdOf(25 - index)));
  });

  it('end the last page without a cursor, also when it is full', async () => {
    for (let n = 1; n <= 4; n += 1) history.order({ orderId: orderIdOf(n) }).created();
    await caughtUp();
    const { nextCursor } = await orders({ limit: 2 });
    expect((await orders({ limit: 2, cursor: nextCursor! })).nextCursor).toBeNull();
  });

  it.each([
    '',
    'x',
    '!!',
    Buffer.from('p').toString('base64url'),
    Buffer.from('p1 or 1').toString('base64url'),
  ])('refuse the cursor “%s”, which no list has given', async (cursor) => {
    const refused = { code: 'invalid-request', extra: { errors: [{ path: 'cursor' }] } };
    await expect(models.listOrders({ limit: 5, cursor })).rejects.toMatchObject(refused);
    await expect(models.listSagas({ limit: 5, cursor })).rejects.toMatchObject(refused);
  });

  it('list sagas by state, from “accepted” on', async () => {
    const accepted = history.order().created();
    const paying = history.order().created().saga('paying', 'ProcessPayment');
    const done = history.order().done();
    await caughtUp();
    expect(await sagaIds({ state: 'accepted' })).toEqual([accepted.orderId]);
    expect(await sagaIds({ state: 'completed' })).toEqual([done.orderId]);
    expect((await sagas({ state: 'paying' })).items).toEqual([
      {
        sagaId: paying.orderId,
        state: 'paying',
        because: null,
        stuck: false,
        flags: [],
        waitsFor: 'ProcessPayment',
        startedAt: at(clock.now()),
        updatedAt: at(clock.now()),
        deadline: at(clock.now() + 300_000),
        endedAt: null,
      },
    ]);
  });

  it('list as stuck what is open a minute past its deadline, even if it never started', async () => {
    const accepted = history.order().created();
    const paying = history.order().created().saga('paying', 'ProcessPayment');
    const done = history.order().done();
    await caughtUp();
    const due = clock.now() + 300_000 + 60_000;
    expect(await sagaIds({ stuck: true }, due)).toEqual([]);
    expect(await sagaIds({ stuck: false }, due)).toHaveLength(3);
    expect(await sagaIds({ stuck: true }, due + 1)).toEqual([paying.orderId, accepted.orderId]);
    expect(await sagaIds({ stuck: false }, due + 1)).toEqual([done.orderId]);
    expect(await sagaIds({ stuck: true, state: 'accepted' }, due + 1)).toEqual([accepted.orderId]);
    expect((await sagas({ stuck: true, limit: 1 }, due + 1)).items[0]).toMatchObject({
      stuck: true,
      flags: ['overdue'],
    });
  });

  it('list as stuck what has a dead letter, and flag late answers', async () => {
    const paying = history
      .order()
      .created()
      .saga('paying', 'ProcessPayment', undefined, { flags: ['asked-often'] });
    const late = history.order().done().charged({ late: true });
    dead = [paying.orderId, late.orderId];
    await caughtUp();
    expect((await sagas({ stuck: true })).items).toMatchObject([
      { sagaId: paying.orderId, stuck: true, flags: ['asked-often', 'dead-letter'] },
    ]);
    expect((await sagas({ stuck: false })).items).toMatchObject([
      { sagaId: late.orderId, stuck: false, flags: ['dead-letter', 'late-answer'] },
    ]);
    const asOpened = await models.listSagas({ limit: 50 });
    expect(asOpened.items.map(({ flags }) => flags.includes('dead-letter'))).toEqual([true, true]);
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

  it('count open sagas by the version of their machine and by state, those that have ended left out', async () => {
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

  it('list open sagas by version in pages, newest first', async () => {
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
};
