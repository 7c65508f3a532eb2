import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ask } from './http.ts';

let server: Server;
let url: string;
const requests: number[] = [];

beforeAll(async () => {
  // It says that it keeps connections for a minute, as ours do.
  server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    requests.push(request.socket.remotePort!);
    response.end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
});

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const open = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));

it('a connection is used again at once, and is let go long before the server closes it', async () => {
  await (await ask(url)).text();
  await pause(100);
  await (await ask(url)).text();
  expect(new Set(requests).size).toBe(1);
  expect(await open()).toBe(1);
  const giveUp = AbortSignal.timeout(30_000);
  while ((await open()) > 0 && !giveUp.aborted) await pause(50);
  expect(await open()).toBe(0);
});
