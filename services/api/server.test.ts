import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createApiServer } from './server.ts';

let server: ReturnType<typeof createApiServer>;
let port: number;
beforeEach(async () => {
  // A handler that needs the whole request before it answers, as all do that take a body.
  const answer: Parameters<typeof createApiServer>[0] = (request, response) => {
    request.resume().once('end', () => response.end('answered'));
  };
  server = createApiServer(answer, { headersMsMax: 100, requestMsMax: 200, checkEveryMs: 20 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Sends a text and nothing after it; resolves with all that came back, once the connection is closed. */
const send = (text: string) =>
  new Promise<string>((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });

it.each([
  ['headers that do not end', 'GET / HTTP/1.1\r\nHost: shop\r\n', 'took too long to arrive'],
  ['what is no HTTP', 'HELO shop\r\n\r\n', 'no HTTP request'],
])('%s: answered with a problem, and the connection is closed', async (_, text, detail) => {
  const [head, body] = (await send(text)).split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 400 /);
  expect(head).toContain('application/problem+json');
  expect(JSON.parse(body!)).toMatchObject({
    code: 'invalid-request',
    detail: expect.stringContaining(detail),
  });
});

it('a body that does not end: the connection is closed without an answer', async () => {
  expect(await send('POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\n{')).toBe('');
});
