import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ProjectionList, type ProjectionStatus } from '@recourse/contracts/http-projections';
import { runRecourse, startRecourse } from './testing/run-recourse.ts';
import { answerJson, closeServers, scriptedServer } from './testing/scripted-server.ts';

const position = (n: number) => String(n).padStart(16, '0');

const orders: ProjectionStatus = {
  name: 'orders',
  version: 1,
  build: 0,
  position: position(100),
  behind: 0,
  state: 'running',
  error: null,
  rebuild: null,
};

const rebuilding = (
  at: number,
  changes: Partial<NonNullable<ProjectionStatus['rebuild']>> = {},
): ProjectionStatus => ({
  ...orders,
  rebuild: {
    version: 2,
    build: 0,
    position: position(at),
    head: position(100),
    behind: 100 - at,
    eventsPerSecond: 50,
    secondsLeft: 1,
    pace: 'full',
    state: 'running',
    error: null,
    ...changes,
  },
});

/** A server whose projection stands so, one state for each time that it is asked. */
const server = (...states: readonly ProjectionStatus[]) => {
  let asked = 0;
  return scriptedServer((request, response) => {
    const item = states[Math.min(asked, states.length - 1)];
    if (request.method === 'POST') return answerJson(response, 202, { head: position(100), items: [item] });
    asked += 1;
    answerJson(response, 200, { head: position(100), items: [item] });
  });
};

describe('recourse projections', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recourse-projections-'));
  });
  afterEach(async () => {
    await closeServers();
    await rm(folder, { recursive: true, force: true });
  });

  it('shows and rebuilds at a server, and in its folder once it is gone', async () => {
    const running = await startRecourse(folder);
    const rebuilt = await runRecourse(['projections', 'rebuild', '--all', '--url', running.url]);
    expect(rebuilt.stderr).toBe(`From the server at ${running.url}.\n`);
    expect([rebuilt.code, rebuilt.stdout]).toEqual([
      0,
      expect.stringMatching(/^orders: version \d+, build 1 serves/),
    ]);
    await running.stop();

    const again = await runRecourse(['projections', 'rebuild', 'stock', '--json', '--data-dir', folder]);
    expect(again.stderr).toBe(`From the data folder ${folder} (no server runs there).\n`);
    expect(JSON.parse(again.stdout)).toMatchObject({ items: [{ name: 'stock', build: 2, rebuild: null }] });
    const listed = await runRecourse(['projections', '--json', '--data-dir', folder]);
    const { items } = ProjectionList.parse(JSON.parse(listed.stdout));
    expect(items.map(({ name, build }) => [name, build])).toContainEqual(['stock', 2]);
    const table = await runRecourse(['projections', '--data-dir', folder]);
    expect(table.stdout).toMatch(
      /^projection +version +build +position +behind +state +rebuild\norders +\d+ +1 /,
    );
  });

  it('waits until what was rebuilt serves', async () => {
    const { url } = await server(orders, rebuilding(10), rebuilding(60), { ...orders, version: 2 });
    const { code, stdout } = await runRecourse(['projections', 'rebuild', 'orders', '--url', url]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^orders: version 2, build 0 serves, at position 100\n100 events in .* events\/s\n$/,
    );
  });

  it('names the event at which a fold threw, and leaves with 1', async () => {
    const error = {
      message: 'no such customer',
      position: position(61),
      stream: 'order-7',
      type: 'OrderCreated',
    };
    const { url } = await server(orders, rebuilding(10), rebuilding(60, { state: 'stopped', error }));
    const { code, stderr } = await runRecourse(['projections', 'rebuild', 'orders', '--url', url]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      'The rebuild of orders was given up at position 61 (order-7, OrderCreated): no such customer. What served before (version 1) goes on serving',
    );
    const table = await runRecourse(['projections', '--url', url]);
    expect(table.stdout).toContain(
      'rebuild of orders: no such customer at position 61 (order-7, OrderCreated)',
    );
  });

  it('says why a rebuild waits, once, and goes on waiting', async () => {
    const waiting = rebuilding(10, { state: 'waiting', error: { message: 'the disk is full' } });
    const { url } = await server(orders, waiting, waiting, { ...orders, version: 2 });
    const { code, stderr } = await runRecourse(['projections', 'rebuild', 'orders', '--url', url]);
    expect([code, stderr.match(/orders waits: the disk is full/g)]).toEqual([0, [expect.anything()]]);
  });

  it('says where a rebuild was lost', async () => {
    const { url } = await server(orders, rebuilding(10), orders);
    const lost = await runRecourse(['projections', 'rebuild', 'orders', '--url', url]);
    expect([lost.code, lost.stderr]).toEqual([1, expect.stringContaining('The rebuild of orders is gone')]);
  });

  it.each([
    [['rebuild', 'nope'], 'There is no projection nope: there are orders.'],
    [['rebuild'], 'Name one projection, or say --all.'],
    [['rebuild', 'orders', '--all'], 'Name one projection, or say --all.'],
    [['rebuild', 'orders', '--pace', '1.5'], '--pace is "1.5": it must be full, default, or a whole number'],
  ])('refuses %j', async (args, message) => {
    const { url } = await server(orders);
    const { code, stderr } = await runRecourse(['projections', ...args, '--url', url]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
  });

  it('says that one is running already', async () => {
    const { url } = await scriptedServer((request, response) => {
      if (request.method === 'GET')
        return answerJson(response, 200, { head: position(100), items: [rebuilding(10)] });
      const problem = {
        type: 'x',
        title: 'A rebuild is running already',
        status: 409,
        code: 'rebuild-running',
      };
      answerJson(response, 409, { ...problem, detail: 'A rebuild of orders is running already.' });
    });
    const { code, stderr } = await runRecourse(['projections', 'rebuild', '--all', '--url', url]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('(rebuild-running): A rebuild of orders')]);
  });
});
