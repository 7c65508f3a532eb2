import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Order } from '@recourse/contracts/http';
import { type Server, startServer } from '../server.ts';
import { until, usualOrder } from '../shop.ts';
import { freePort } from '../stack/ports.ts';

let dataDir: string;
let server: Server;
const asJson = { 'content-type': 'application/json' };
const begin = async () => {
  server = await startServer(dataDir, { port: await freePort(), args: ['--slow-ms', '3000'] });
};
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'recourse-shutdown-'));
  await begin();
  const stock = { method: 'POST', headers: asJson, body: JSON.stringify({ quantity: 100 }) };
  await fetch(`${server.url}/inventory/SKU-A/receipts`, stock);
});
afterAll(async () => {
  await server.stop('SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

const post = (prefer: string) =>
  fetch(`${server.url}/orders`, {
    method: 'POST',
    headers: { ...asJson, prefer },
    body: JSON.stringify({ ...usualOrder, paymentToken: 'tok_slow' }),
  });
const order = async (orderId: string) =>
  (await (await fetch(`${server.url}/orders/${orderId}`)).json()) as Order;

it('SIGTERM answers who waits, ends what is in hand, gives up the folder, and leaves within 10 s', async () => {
  const { orderId } = (await (await post('respond-async')).json()) as Order;
  const waiting = post('wait=30');
  const stream = await fetch(`${server.url}/sagas/${orderId}/stream`);
  await until(
    () => order(orderId),
    ({ payment }) => payment === 'started',
  );
  const at = performance.now();
  await server.stop('SIGTERM');
  expect(performance.now() - at).toBeLessThan(10_000);
  expect(existsSync(join(dataDir, 'lock.json'))).toBe(false);
  expect((await waiting).status).toBe(202);
  await stream.text();

  // The call that was out has ended before the process did: its outcome stands in the log before anything is asked again.
  await begin();
  expect((await order(orderId)).payment).not.toBe('started');
  await until(
    () => order(orderId),
    ({ state }) => state === 'completed',
  );
});

it('SIGTERM does not wait for connections that a client keeps open', async () => {
  await server.stop('SIGKILL');
  const args = ['--slow-ms', '2000', '--shutdown-ms-max', '60000'];
  server = await startServer(dataDir, { port: await freePort(), args });
  const waiting = post('wait=30');
  await until(
    async () => (await (await fetch(`${server.url}/orders?state=open`)).json()) as { items: unknown[] },
    ({ items }) => items.length > 0,
  );
  const at = performance.now();
  await server.stop('SIGTERM');
  expect(performance.now() - at).toBeLessThan(10_000);
  expect((await waiting).status).toBe(202);
});
