import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OrderList, type OrderListQuery, SagaList } from '@recourse/contracts/http';
import { UnavailableError } from '@recourse/infra/errors';
import { projections } from './projections/all.ts';
import { ledgerProjection } from './projections/ledger.ts';
import { type History, openHistory, standingClock } from './projections/testing/history.ts';
import { type EmbeddedReadModels, openReadModels, type ReadModelsOptions } from './read-models.ts';

describe('the read models', () => {
  const clock = standingClock();
  let dataDir: string;
  let history: History;
  let models: EmbeddedReadModels;

  const open = (options: Partial<ReadModelsOptions> = {}) =>
    openReadModels({
      dataDir,
      logPath: history.logPath,
      log: history.log,
      ...options,
    });
  beforeEach(async () => {
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
  const sagas = async () => SagaList.parse(await models.listSagas({ limit: 50 }));

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
