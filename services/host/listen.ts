import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ProblemError, problemAnswer } from '@recourse/api/problem';
import { createApiServer } from '@recourse/api/server';
import type { Clock } from '@recourse/infra/ports/clock';
import type { Config } from './config.ts';

/** How long open requests may take to end once the process stops, as a share of the whole time that it has. */
const requestsShare = 0.3;

/** How often the server looks meanwhile for connections that have become idle: clients keep them open. */
const endIdleEveryMs = 50;

/** The address of a server that listens there. */
export const urlOf = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

/**
 * Takes the port first, so that a port in use is found out before anything is changed; until `answerBy` every request
 * is answered 503. `close` takes no new connections and waits for the requests that run.
 */
export const listen = async (
  { host, port, shutdownMsMax }: Pick<Config, 'host' | 'port' | 'shutdownMsMax'>,
  clock: Clock,
) => {
  let answer: RequestListener = (request, response) => {
    const starting = new ProblemError('starting', 'Recourse is starting: try again in a moment.');
    const { status, headers, body } = problemAnswer(starting, request.url ?? '');
    response
      .writeHead(status, { ...headers, 'Content-Type': 'application/problem+json' })
      .end(JSON.stringify(body));
  };
  const server = createApiServer((request, response) => answer(request, response));
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      listening();
    });
  });
  let closed: Promise<void> | undefined;
  const end = async () => {
    const ended = new Promise<void>((done) => server.close(() => done()));
    const cancel = clock.after(shutdownMsMax * requestsShare, () => server.closeAllConnections());
    let cancelLook = () => {};
    const endIdle = () => {
      server.closeIdleConnections();
      cancelLook = clock.after(endIdleEveryMs, endIdle);
    };
    endIdle();
    await ended;
    cancel();
    cancelLook();
  };
  return {
    port: (server.address() as AddressInfo).port,
    answerBy: (listener: RequestListener) => {
      answer = listener;
    },
    close: () => {
      closed ??= end();
      return closed;
    },
  };
};
