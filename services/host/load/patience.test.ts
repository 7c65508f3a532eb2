import { afterEach, describe, expect, it } from '@jest/globals';
import { connect } from '../client.ts';
import { answerJson, closeServers, jumpingClock, scriptedServer } from '../testing/scripted-server.ts';
import { inParallel, patientSender } from './patience.ts';

const overloaded = {
  type: 'x',
  title: 'Too many',
  status: 503,
  detail: 'Too many orders',
  code: 'overloaded',
};
const internal = { type: 'x', title: 'Fault', status: 500, detail: 'A fault', code: 'internal' };

afterEach(closeServers);

describe('a patient sender', () => {
  it('waits as long as an overloaded server says, without end', async () => {
    const clock = jumpingClock();
    const server = await scriptedServer((_, response, n) => {
      if (n < 50) answerJson(response, 503, overloaded, { 'retry-after': '7' });
      else answerJson(response, 200, { done: true });
    });
    const client = connect(server.url);
    const answer = await patientSender(client, clock, 10_000)('POST', '/orders', { body: {} });
    expect(answer).toMatchObject({ status: 200, body: { done: true } });
    expect(clock.slept).toEqual(Array(50).fill(7_000));
    await client.close();
    await server.close();
  });

  it('tries again over a broken connection, with the same request', async () => {
    const keys: unknown[] = [];
    const server = await scriptedServer((request, response, n) => {
      keys.push(request.headers['idempotency-key']);
      if (n < 3) request.socket.destroy();
      else answerJson(response, 202, {});
    });
    const client = connect(server.url);
    const send = patientSender(client, jumpingClock(), 60_000);
    expect((await send('POST', '/orders', { headers: { 'idempotency-key': 'k' } })).status).toBe(202);
    expect(keys).toEqual(['k', 'k', 'k', 'k']);
    await client.close();
    await server.close();
  });

  it('ends with one clear error once no server has answered for as long as it may', async () => {
    const clock = jumpingClock();
    const server = await scriptedServer(() => {});
    await server.close();
    const client = connect(server.url);
    await expect(patientSender(client, clock, 20_000)('POST', '/orders')).rejects.toThrow(
      /has not answered for 20 s \(--server-gone-seconds\).*nothing is ordered or received twice/s,
    );
    expect(clock.monotonic()).toBeGreaterThan(20_000);
    expect(Math.max(...clock.slept)).toBeLessThanOrEqual(5_000);
    await client.close();
  });

  it('tries a server’s own fault again only a few times, and a refusal never', async () => {
    const faulty = await scriptedServer((_, response) => answerJson(response, 500, internal));
    const client = connect(faulty.url);
    expect((await patientSender(client, jumpingClock(), 1_000)('POST', '/orders')).status).toBe(500);
    expect(faulty.requests()).toBe(6);
    await client.close();
    await faulty.close();

    const strict = await scriptedServer((_, response) => answerJson(response, 422, internal));
    const other = connect(strict.url);
    expect((await patientSender(other, jumpingClock(), 1_000)('POST', '/orders')).status).toBe(422);
    expect(strict.requests()).toBe(1);
    await other.close();
    await strict.close();
  });
});

describe('work in parallel', () => {
  it('is done on every item, so many at a time', async () => {
    const done: number[] = [];
    let running = 0;
    let most = 0;
    await inParallel(
      Array.from({ length: 20 }, (_, i) => i),
      3,
      async (item) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise(setImmediate);
        done.push(item);
        running -= 1;
      },
    );
    expect(done).toHaveLength(20);
    expect(most).toBe(3);
  });

  it('stops at the first rejection', async () => {
    const begun: number[] = [];
    const work = inParallel([1, 2, 3, 4], 1, async (item) => {
      begun.push(item);
      if (item === 2) throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(begun).toEqual([1, 2]);
  });
});
