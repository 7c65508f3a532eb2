import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '@recourse/infra/ports/clock';

const running = new Set<() => Promise<void>>();

/** Closes all scripted servers: after each test, so that one that fails leaves none behind. */
export const closeServers = async (): Promise<void> => {
  for (const close of running) await close();
};

/** A server of its own for a test: answers the n-th request (from 0) as told. */
export const scriptedServer = async (
  answer: (request: IncomingMessage, response: ServerResponse, n: number) => void,
) => {
  let n = 0;
  const server = createServer((request, response) => {
    answer(request, response, n);
    n += 1;
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const close = () =>
    new Promise<void>((closed) => {
      running.delete(close);
      server.close(() => closed());
      server.closeAllConnections();
    });
  running.add(close);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => n,
    close,
  };
};

/** Answers with a JSON body. */
export const answerJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};

/** A clock that jumps: every delay is over at once, and its time has passed. `slept` lists the delays. */
export const jumpingClock = (): Clock & { readonly slept: readonly number[] } => {
  let passed = 0;
  const slept: number[] = [];
  return {
    slept,
    now: () => 1_700_000_000_000 + passed,
    monotonic: () => passed,
    after: (delayMs, run) => {
      slept.push(delayMs);
      const soon = setImmediate(() => {
        passed += delayMs;
        run();
      });
      return () => clearImmediate(soon);
    },
  };
};
