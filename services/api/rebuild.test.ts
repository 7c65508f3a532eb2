import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { projections } from './projections/all.ts';
import { type History, openHistory, orderIdOf, standingClock } from './projections/testing/history.ts';
import { type EmbeddedReadModels, openReadModels } from './read-models.ts';

describe('read models that are rebuilt', () => {
  const clock = standingClock();
  const version = projections.find(({ name }) => name === 'orders')!.version;
  let dataDir: string;
  let history: History;
  let models: EmbeddedReadModels;
  const open = () => openReadModels({ dataDir, logPath: history.logPath, log: history.log });
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-rebuild-'));
    history = openHistory(dataDir, clock);
    models = await open();
  });
  afterEach(async () => {
    await models.close();
    await history.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const inFolder = (name: string) => join(dataDir, 'read-models', name);
  const statusOf = async (name: string) => (await models.status()).find((it) => it.name === name)!;
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const caughtUp = async () => models.waitFor(await history.settled());

  /** Makes the file that serves one of another version, as an earlier Recourse has left it. */
  const makeOutdated = async (name: string, change: string) => {
    const { file } = JSON.parse(await readFile(inFolder(`${name}.json`), 'utf8'));
    await rename(inFolder(file), inFolder(`${name}-v99.db`));
    await writeFile(inFolder(`${name}.json`), JSON.stringify({ version: 99, build: 0 }));
    const db = new DatabaseSync(inFolder(`${name}-v99.db`));
    db.exec(change);
    db.close();
  };

  it('show the same after it as before, and what came in meanwhile', async () => {
    for (let n = 1; n <= 20; n += 1) history.order({ orderId: orderIdOf(n) }).done();
    await caughtUp();
    const before = await models.listOrders({ limit: 50 });
    await models.rebuild('all', 'full');
    expect((await models.status()).map(({ rebuild }) => rebuild?.build)).toEqual(projections.map(() => 1));
    history.order({ orderId: orderIdOf(21) }).created();
    await until(async () => (await models.status()).every(({ rebuild }) => rebuild === null));
    await caughtUp();
    const after = await models.listOrders({ limit: 50 });
    expect(after.items.slice(1)).toEqual(before.items);
    expect(after.items[0]).toMatchObject({ orderId: orderIdOf(21), state: 'open' });
    expect(await models.counts()).toMatchObject({ open: 1, completed: 20 });
    expect(await models.ledger()).toMatchObject({ orders: { open: 1, completed: 20 } });
  });

  it('go on being rebuilt when their thread dies', async () => {
    for (let n = 1; n <= 100; n += 1) history.order({ orderId: orderIdOf(n) }).done();
    await caughtUp();
    await models.rebuild(['orders'], 400);
    await until(async () => ((await statusOf('orders')).rebuild?.position ?? 0) > 100);
    await models.crash();
    await until(async () => (await statusOf('orders')).build === 1);
    await caughtUp();
    expect(await models.counts()).toMatchObject({ completed: 100, position: await history.log.head() });
  });

  it('refuse a second rebuild, and one of what they do not know', async () => {
    for (let n = 1; n <= 50; n += 1) history.order({ orderId: orderIdOf(n) }).done();
    await caughtUp();
    await models.rebuild(['orders'], 10);
    const again = models.rebuild(['sagas', 'orders'], 'full');
    await expect(again).rejects.toMatchObject({ code: 'rebuild-running' });
    await expect(models.rebuild(['nope'], 'full')).rejects.toMatchObject({ code: 'unknown-projection' });
    expect((await statusOf('sagas')).rebuild).toBeNull();
  });

  it('of a changed version are served as they were, and counted from there, until they have been folded anew', async () => {
    for (let n = 1; n <= 3; n += 1) history.order({ orderId: orderIdOf(n) }).created();
    await caughtUp();
    const at = await history.log.head();
    await models.close();
    await makeOutdated('orders', `update orders set country = 'Elsewhere'`);
    history.order({ orderId: orderIdOf(4) }).created();
    await history.settled();
    models = await open();
    const country = (await models.listOrders({ limit: 5 })).items[0]?.country;
    const { open: openThen, position } = await models.countedFrom();
    // The rebuild may have caught up already: then the new order is counted, too.
    if (country === 'France') expect([openThen, position]).toEqual([4, at + 1]);
    else expect(openThen - 3).toBe(position - at);
    await until(async () => (await statusOf('orders')).state === 'running');
    await caughtUp();
    expect(await statusOf('orders')).toMatchObject({ version, build: 0, rebuild: null });
    expect(await models.countedFrom()).toMatchObject({ open: 4, position: at + 1 });
    expect((await models.listOrders({ limit: 5 })).items.map(({ country }) => country)).toEqual(
      Array(4).fill('France'),
    );
  });

  it('serve what the old tables have, and say of the rest that it is being rebuilt; orders are counted from the whole log', async () => {
    for (let n = 1; n <= 40; n += 1) history.order({ orderId: orderIdOf(n) }).done();
    await caughtUp();
    await models.close();
    await makeOutdated('orders', 'alter table counts rename to sums');
    // So slow that it is seen.
    await writeFile(
      inFolder('orders.json'),
      JSON.stringify({ version: 99, build: 0, rebuild: { version, build: 0, pace: 100 } }),
    );
    models = await open();
    expect((await models.listOrders({ limit: 5 })).items).toHaveLength(5);
    await expect(models.counts()).rejects.toThrow(
      'The read model orders is being rebuilt for a new version.',
    );
    expect(await models.countedFrom()).toEqual({ position: 0, open: 0 });
    expect(await statusOf('orders')).toMatchObject({ version: 99, state: 'outdated', rebuild: { version } });
    expect((await models.listSagas({ limit: 5 })).items).toHaveLength(5);
  });

  it('say that the ledger is being rebuilt while it is another version’s', async () => {
    for (let n = 1; n <= 40; n += 1) history.order({ orderId: orderIdOf(n) }).done();
    await caughtUp();
    await models.close();
    await makeOutdated('ledger', 'select 1');
    const version = projections.find(({ name }) => name === 'ledger')!.version;
    const rebuild = { version, build: 0, pace: 100 };
    await writeFile(inFolder('ledger.json'), JSON.stringify({ version: 99, build: 0, rebuild }));
    models = await open();
    await expect(models.ledger()).rejects.toThrow(
      'The read model ledger is being rebuilt for a new version. Ask again later.',
    );
  });
});
