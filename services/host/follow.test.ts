import { afterEach, describe, expect, it } from '@jest/globals';
import { connect, RefusedError, UnreachableError } from './client.ts';
import { followSaga } from './follow.ts';
import { answerJson, closeServers, jumpingClock, scriptedServer } from './testing/scripted-server.ts';

const event = (n: number, data: unknown = {}, type = 'PaymentStarted') => ({
  specversion: '1.0',
  id: `id-${n}`,
  type,
  source: '/streams/payment-1',
  subject: '1',
  time: '2026-01-31T12:00:00.000Z',
  dataschema: `urn:recourse:${type}:1`,
  datacontenttype: 'application/json',
  sequence: String(n),
  correlationid: '1',
  causationid: '1',
  traceparent: '00-1-1-01',
  data,
});
const message = (n: number, it: unknown = event(n)) => `id: ${n}\nevent: x\ndata: ${JSON.stringify(it)}\n\n`;
const end = (n: number) => message(n, event(n, { state: { status: 'done' } }, 'SagaAdvanced'));

const follow = async (url: string, goneMsMax = 5_000) => {
  const client = connect(url);
  const seen: string[] = [];
  try {
    for await (const { id } of followSaga(client, '1', { clock: jumpingClock(), goneMsMax })) seen.push(id);
  } finally {
    await client.close();
  }
  return seen;
};

afterEach(closeServers);

describe('following a saga', () => {
  it('ends with the saga', async () => {
    const server = await scriptedServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`: hello\n\n${message(1)}${end(2)}`);
    });
    expect(await follow(server.url)).toEqual(['id-1', 'id-2']);
  });

  it('goes on where a connection broke, in the middle of a message too', async () => {
    const resumedFrom: unknown[] = [];
    const server = await scriptedServer((request, response, n) => {
      resumedFrom.push(request.headers['last-event-id']);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (n === 0)
        response.write(message(1) + message(2) + message(3).slice(0, 20), () => request.socket.destroy());
      else if (n === 1) request.socket.destroy();
      else if (n === 2) response.end(message(3));
      else response.write(end(4));
    });
    expect(await follow(server.url)).toEqual(['id-1', 'id-2', 'id-3', 'id-4']);
    expect(resumedFrom).toEqual([undefined, '2', '2', '3']);
  });

  it('ends where the server has nothing more to tell', async () => {
    const server = await scriptedServer((_, response) => response.writeHead(204).end());
    expect(await follow(server.url)).toEqual([]);
  });

  it('gives up at once where the server refuses', async () => {
    const problem = {
      type: 'x',
      title: 'There is no such thing',
      status: 404,
      detail: 'Saga 1',
      code: 'not-found',
    };
    const server = await scriptedServer((_, response) => answerJson(response, 404, problem));
    await expect(follow(server.url)).rejects.toThrow(RefusedError);
    expect(server.requests()).toBe(1);
  });

  it('gives up at once where no server answers the first time, and later once it has been gone for long', async () => {
    const server = await scriptedServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(message(1), () => {
        request.socket.destroy();
        void server.close();
      });
    });
    await expect(follow(server.url)).rejects.toThrow(UnreachableError);
    await expect(follow(server.url)).rejects.toThrow(
      /No Recourse server answers at .* \(connection refused\)/,
    );
  });
});
