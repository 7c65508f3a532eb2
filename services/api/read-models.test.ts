import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OrderList, type OrderListQuery, SagaList, type SagaListQuery } from '@recourse/contracts/http';
import { UnavailableError } from '@recourse/infra/errors';
import { projections } from './projections/all.ts';
import { ledgerProjection } from './projections/ledger.ts';
import { type History, openHistory, orderIdOf, standingClock } from './projections/testing/history.ts';
import { type EmbeddedReadModels, openReadModels, type ReadModelsOptions } from './read-models.ts';

describe('the read models', () => {
  const clock = standingClock();
  let dataDir: string;
  let history: History;
  let models: EmbeddedReadModels;
  let dead: string[];

  const open = (options: Partial<ReadModelsOptions> = {}) =>
    openReadModels({
      dataDir,
      logPath: history.logPath,
      log: history.log,
      deadlineMs: 300_000,
      deadLetterKeys: () => dead,
      ...options,
    });
  beforeEach(async () => {
    dead = [];
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-read-models-'));
    history = openHistory(dataDir, clock);
    models = await open();
  });
  afterEach(async () => {
    await models.close();
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

  it('are there before anything has happened, and say so', async () => {
    expect(await orders()).toEqual({ items: [], nextCursor: null, position: '0000000000000000' });
    expect(await sagas()).toEqual({ items: [], nextCursor: null, position: '0000000000000000' });
    expect(await models.counts()).toEqual({
      open: 0,
      cancelling: 0,
      completed: 0,
      cancelled: 0,
      position: 0,
    });
    expect((await models.status()).map(({ name, state, rebuild }) => [name, state, rebuild])).toEqual(
      projections.map(({ name }) => [name, 'running', null]),
    );
  });

  it('hear of new records by themselves, and say which position they show', async () => {
    history.receive('TEA', 10);
    history.order().done();
    await caughtUp();
    const head = await history.log.head();
    expect(Number((await orders()).position)).toBe(head);
    expect(Number((await sagas()).position)).toBe(head);
    expect(await models.positions()).toEqual(Object.fromEntries(projections.map(({ name }) => [name, head])));
    expect(await models.counts()).toMatchObject({ completed: 1, open: 0, position: head });
    expect(await models.ledger()).toMatchObject({ orders: { completed: 1 }, violations: [] });
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

  it('go on exactly where they were when their thread dies again and again, and count nothing twice', async () => {
    history.receive('TEA', 100_000);
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 300; n += 1) history.order().done();
      await history.settled();
      await models.crash();
    }
    await caughtUp();
    expect(await models.counts()).toMatchObject({
      open: 0,
      completed: 900,
      position: await history.log.head(),
    });
    expect((await orders({ limit: 1 })).items).toHaveLength(1);
    expect(await models.ledger()).toMatchObject({
      money: [{ captured: 900 * 500, completed: 900 * 500 }],
      stock: { received: 100_000, onHand: 100_000 - 1_800, reserved: 0, shipped: 1_800 },
      violations: [],
    });
  });

  it('are as they were when they are opened again', async () => {
    history.order().done();
    await caughtUp();
    await models.close();
    history.order().inStock();
    await history.settled();
    models = await open();
    await caughtUp();
    expect(await models.counts()).toMatchObject({ open: 1, completed: 1 });
  });

  it('compute one ledger for all who ask at the same time', async () => {
    history.order().done();
    await caughtUp();
    const asked = await Promise.all(Array.from({ length: 20 }, () => models.ledger()));
    expect(new Set(asked).size).toBe(1);
    expect(await models.ledger()).not.toBe(asked[0]);
  });

  it('say that the ledger is unavailable while its file is locked, and give it again after that', async () => {
    await caughtUp();
    const other = new DatabaseSync(join(dataDir, 'read-models', `ledger-v${ledgerProjection.version}.db`));
    other.exec('begin immediate');
    history.order().done();
    await history.settled();
    const refused = await models.ledger().catch((error) => error);
    expect(refused).toBeInstanceOf(UnavailableError);
    expect(refused.message).toBe('the read model ledger cannot be written: database is locked');
    other.exec('rollback');
    other.close();
    expect(await models.ledger()).toMatchObject({ orders: { completed: 1 } });
  });

  it.each([
    ['the ledger is unavailable where a file', 'no database', true],
    ['nothing of the kind where its own question', '', false],
  ])('say that %s is wrong', async (_, text, unavailable) => {
    // An empty file is a database, in which no table is found.
    const gateway = join(dataDir, 'books.db');
    await writeFile(gateway, text);
    await models.close();
    models = await open({ books: { gateway, carrier: join(dataDir, 'simulated', 'carrier.db') } });
    const refused = await models.ledger().catch((error) => error);
    expect([refused instanceof UnavailableError, refused.message]).toEqual([
      unavailable,
      unavailable
        ? 'the read model ledger cannot be read: file is not a database'
        : 'no such table: gateway.charges',
    ]);
  });

  it('refuse to open where their folder cannot be made', async () => {
    const nowhere = join(dataDir, 'log.db');
    await expect(
      openReadModels({ dataDir: nowhere, logPath: history.logPath, log: history.log }),
    ).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});
