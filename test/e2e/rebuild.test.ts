import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Ledger, OrderList, SagaList } from '@recourse/contracts/http';
import { ProjectionList } from '@recourse/contracts/http-projections';
import { type Server, startServer } from '../server.ts';
import { until, usualOrder } from '../shop.ts';
import { freePort } from '../stack/ports.ts';

describe('read models that are rebuilt while orders come in', () => {
  let dataDir: string;
  let server: Server;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-rebuild-'));
    server = await startServer(dataDir, { port: await freePort() });
    await post('/inventory/SKU-A/receipts', { quantity: 1_000_000 });
  });
  afterEach(async () => {
    await server.stop('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });

  const get = async (path: string): Promise<unknown> => {
    const answer = await fetch(`${server.url}${path}`);
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const order = (prefer = 'wait=60') => post('/orders', usualOrder, { prefer });
  const projections = async () => ProjectionList.parse(await get('/projections'));
  const settled = () =>
    until(projections, ({ items }) => items.every(({ behind, rebuild }) => behind === 0 && rebuild === null));
  const rebuildsOpen = ({ items }: ProjectionList) => items.filter(({ rebuild }) => rebuild !== null);

  it('are read in a loop without a failed or a torn answer, and never go back', async () => {
    await Promise.all(Array.from({ length: 100 }, () => order()));
    await settled();
    let [reading, placed, reads] = [true, 100, 0];
    const positions: Record<string, string> = {};
    /** A page, whole: as many orders as there are, none twice, at a position that never goes back. */
    const check = (what: string, { items, position }: OrderList | SagaList, placedBefore: number) => {
      const ids = items.map((it) => ('orderId' in it ? it.orderId : it.sagaId));
      expect(new Set(ids).size).toBe(ids.length);
      expect(position >= (positions[what] ?? '')).toBe(true);
      if (Number(position) > 0) expect(ids.length).toBeGreaterThanOrEqual(Math.min(placedBefore, 100));
      positions[what] = position;
      reads += 1;
    };
    const reader = async () => {
      while (reading) {
        check('orders', OrderList.parse(await get('/orders?limit=500')), placed);
        check('sagas', SagaList.parse(await get('/sagas?limit=500')), placed);
        expect(((await get('/ledger')) as Ledger).violations).toEqual([]);
      }
    };
    const client = async () => {
      while (reading) {
        expect((await order()).status).toBe(200);
        placed += 1;
      }
    };
    const running = Promise.all([reader(), client(), client()]);
    for (const pace of ['full', 20_000, 'default', 'full']) {
      expect((await post('/projections/rebuild', { pace })).status).toBe(202);
      await until(projections, (it) => rebuildsOpen(it).length === 0);
    }
    reading = false;
    await running;

    const { items } = await settled();
    expect(new Set(items.map(({ build }) => build))).toEqual(new Set([4]));
    const readFrom = Object.keys(positions);
    expect(readFrom).toEqual(['orders', 'sagas']);
    expect(reads).toBeGreaterThan(20);
    const ledger = (await get('/ledger')) as Ledger;
    expect(ledger.orders).toEqual({ open: 0, completed: placed, cancelled: 0 });
    const files = (await readdir(join(dataDir, 'read-models'))).filter((name) => name.endsWith('.db'));
    expect(files.sort()).toEqual(items.map(({ name, version }) => `${name}-v${version}-4.db`).sort());
  });

  it('go on where they were after kill -9, once they had been asked for', async () => {
    await Promise.all(Array.from({ length: 200 }, () => order()));
    // Slow enough to be killed in the middle, which is seen from outside.
    expect((await post('/projections/rebuild', { pace: 250 })).status).toBe(202);
    await until(projections, ({ items }) => items.every(({ rebuild }) => Number(rebuild?.position) > 1_000));
    await server.stop('SIGKILL');
    server = await startServer(dataDir, { port: await freePort() });
    const again = await projections();
    expect(rebuildsOpen(again)).toHaveLength(again.items.length);
    expect(again.items[0]!.rebuild).toMatchObject({ build: 1, pace: 250 });
    expect(Number(again.items[0]!.rebuild!.position)).toBeGreaterThan(0);
    const { items } = await settled();
    expect(items.every(({ build }) => build === 1)).toBe(true);
    expect(OrderList.parse(await get('/orders?limit=500')).items).toHaveLength(200);
    expect((await get('/ledger')) as Ledger).toMatchObject({ orders: { completed: 200 }, violations: [] });
  });

  it('are not rebuilt twice at a time', async () => {
    await Promise.all(Array.from({ length: 50 }, () => order()));
    await post('/projections/orders/rebuild', { pace: 100 });
    for (const path of ['/projections/orders/rebuild', '/projections/rebuild']) {
      const answer = await post(path, { pace: 'full' });
      expect(answer.status).toBe(409);
      expect(await answer.json()).toMatchObject({ code: 'rebuild-running' });
    }
    expect((await projections()).items.map(({ rebuild }) => rebuild?.pace)).toContain(100);
  });
});
