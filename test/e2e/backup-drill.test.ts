import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import type { Ledger, Order, OrderList } from '@recourse/contracts/http';
import type { ProjectionList } from '@recourse/contracts/http-projections';
import { runRecourse } from '@recourse/host/testing/run-recourse';
import { type Server, startServer } from '../server.ts';
import { until, usualOrder } from '../shop.ts';
import { freePort } from '../stack/ports.ts';

const parent = await mkdtemp(join(tmpdir(), 'recourse-drill-'));
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop('SIGKILL');
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const asks = ['--ask-delays-ms', '100,200,300,400,500', '--call-ms-max', '300', '--slow-ms', '150'];

const start = async (dataDir: string): Promise<Server> => {
  const server = await startServer(dataDir, { port: await freePort(), args: asks });
  servers.push(server);
  return server;
};

const get = async <T>(server: Server, path: string): Promise<T> =>
  (await (await fetch(`${server.url}${path}`)).json()) as T;

const post = async (server: Server, path: string, body: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Order };
};

/** Every way an order can go, in turn. */
const kinds = [
  {},
  { country: 'Atlantis' },
  { paymentToken: 'tok_declined' },
  { paymentToken: 'tok_answer_lost' },
  { country: 'ZZ-answer-lost' },
  { paymentToken: 'tok_slow' },
];

/** Places orders, some at a time, until it is told to stop; resolves with those that were accepted. */
const load = (server: Server) => {
  const accepted: string[] = [];
  let stopping = false;
  const client = async (first: number) => {
    for (let number = first; !stopping; number += 1) {
      const { status, body } = await post(server, '/orders', {
        ...usualOrder,
        ...kinds[number % kinds.length],
      });
      expect([200, 202]).toContain(status);
      accepted.push(body.orderId);
    }
  };
  const running = Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(client));
  return {
    accepted,
    stop: async () => {
      stopping = true;
      await running;
    },
  };
};

const ended = (server: Server) =>
  until(
    () => get<OrderList & Ledger>(server, '/ledger'),
    ({ orders }) => orders.open === 0,
    60_000,
  );

describe('a backup that is taken while orders come in', () => {
  it('is a whole shop: restored it goes on, balances, verifies clean, and its read models are made anew', async () => {
    const server = await start(join(parent, 'shop'));
    await post(server, '/inventory/SKU-A/receipts', { quantity: 100_000 });
    const orders = load(server);
    await until(
      async () => orders.accepted.length,
      (count) => count > 200,
      60_000,
    );
    const before = orders.accepted.length;
    const file = join(parent, 'drill.tar');
    const taken = await runRecourse(['backup', file, '--url', server.url, '--json']);
    expect(taken).toMatchObject({ code: 0 });
    const { position } = JSON.parse(taken.stdout) as { position: string };
    await until(
      async () => orders.accepted.length,
      (count) => count > before + 200,
      60_000,
    );
    await orders.stop();
    await ended(server);
    const inShop = await get<Ledger>(server, '/ledger');
    expect(inShop.violations).toEqual([]);
    await server.stop();

    const restored = join(parent, 'restored');
    expect(await runRecourse(['restore', file, '--data-dir', restored])).toMatchObject({ code: 0 });
    const asItWas = await runRecourse(['verify', '--data-dir', restored]);
    expect({ code: asItWas.code, stdout: asItWas.stdout }).toMatchObject({ code: 0 });

    const again = await start(restored);
    const ledger = await ended(again);
    expect(ledger.violations).toEqual([]);
    expect(ledger.orders.completed).toBeGreaterThan(0);
    expect(ledger.orders.cancelled).toBeGreaterThan(0);
    // Those accepted before it began are in it; of those that came meanwhile some are, of later ones none.
    for (const orderId of orders.accepted.slice(0, before))
      expect(await get<Order>(again, `/orders/${orderId}`)).toMatchObject({ orderId });
    const known = ledger.orders.completed + ledger.orders.cancelled;
    expect(known).toBeGreaterThanOrEqual(before);
    expect(known).toBeLessThan(orders.accepted.length);
    const { head, items } = await until(
      () => get<ProjectionList>(again, '/projections'),
      (list) => list.items.every((item) => item.position === list.head),
    );
    expect(items.length).toBeGreaterThan(2);
    expect(head > position).toBe(true);
    expect((await post(again, '/orders', usualOrder, { prefer: 'wait=60' })).body).toMatchObject({
      state: 'completed',
    });
    const verified = await runRecourse(['verify', '--url', again.url]);
    expect({ code: verified.code, stdout: verified.stdout }).toMatchObject({ code: 0 });
  }, 180_000);

  it('leaves the folder well, and nothing lying about, where the server is killed in the middle of it', async () => {
    const dataDir = join(parent, 'killed');
    const first = await start(dataDir);
    await post(first, '/inventory/SKU-A/receipts', { quantity: 1_000 });
    const { body: order } = await post(first, '/orders', usualOrder, { prefer: 'wait=60' });
    await first.stop();
    enlarge(join(dataDir, 'timers.db'));

    const server = await start(dataDir);
    const file = join(parent, 'killed.tar');
    const taking = runRecourse(['backup', file, '--url', server.url]);
    const copy = join(dataDir, 'backing-up', 'timers.db');
    await until(
      async () => existsSync(copy),
      (there) => there,
      30_000,
    );
    await server.stop('SIGKILL');
    const { code, stderr } = await taking;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/No Recourse server answers at \S+ \(it hung up\)/),
    });
    expect(stderr).not.toContain('    at ');
    expect((await readdir(parent)).filter((name) => name.startsWith('killed.tar'))).toEqual([]);
    expect(existsSync(join(dataDir, 'backing-up'))).toBe(true);

    const again = await start(dataDir);
    expect(existsSync(join(dataDir, 'backing-up'))).toBe(false);
    expect(await get<Order>(again, `/orders/${order.orderId}`)).toMatchObject({ state: 'completed' });
    expect((await post(again, '/orders', usualOrder, { prefer: 'wait=60' })).body).toMatchObject({
      state: 'completed',
    });
    expect((await get<Ledger>(again, '/ledger')).violations).toEqual([]);
    expect(await runRecourse(['backup', file, '--url', again.url])).toMatchObject({ code: 0 });
  }, 180_000);
});

/** Makes a file large enough that copying it takes a while. */
const enlarge = (path: string): void => {
  const db = new DatabaseSync(path);
  db.exec('pragma synchronous = off; create table ballast (bytes blob) strict;');
  for (let n = 0; n < 20; n += 1) db.exec('insert into ballast values (zeroblob(20000000))');
  db.close();
};
