import { request } from 'node:http';
import { afterAll, describe, expect, it } from '@jest/globals';
import { backupDatabases } from '@recourse/contracts/backup';
import { list } from 'tar';
import { eventually, orderOf, testApis } from '../../../test/api-kit.ts';

const apis = testApis();
afterAll(apis.closeAll);

/** The names in a tar file that comes over the wire. */
const namesIn = async (response: Response): Promise<string[]> => {
  const names: string[] = [];
  const reading = list({ strict: true, onReadEntry: ({ path }) => names.push(path) });
  const bytes = Buffer.from(await response.arrayBuffer());
  await new Promise((resolve) => reading.on('end', resolve).end(bytes));
  return names;
};

describe('POST /backups', () => {
  it('streams a tar file, its manifest first, while orders are taken', async () => {
    const api = await apis.start();
    const [response, order] = await Promise.all([
      fetch(`${api.url}/backups`, { method: 'POST' }),
      api.post('/orders', orderOf(), { prefer: 'wait=60' }),
    ]);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-tar']);
    expect(order.json).toMatchObject({ state: 'completed' });
    const there = backupDatabases.filter((name) => name === 'delivery.db' || name === 'log.db');
    expect(await namesIn(response)).toEqual(['backup.json', ...there]);
  });

  it('refuses a second one meanwhile, and takes the next after a caller who left', async () => {
    const api = await apis.start();
    const first = request(`${api.url}/backups`, { method: 'POST' });
    first.on('error', () => {});
    // The headers have come, and nobody reads the rest.
    await new Promise((resolve) => first.on('response', resolve).end());
    const second = api.post('/backups');
    first.destroy();
    const { status, json } = await second;
    if (status !== 200)
      expect({ status, json }).toMatchObject({ status: 409, json: { code: 'backup-running' } });
    await eventually(async () => (await api.post('/backups')).status === 200);
  });

  it('answers 507 before it begins where the disk has no room', async () => {
    const api = await apis.start({ freeBytes: () => 1_000 });
    const { status, json } = await api.post('/backups');
    expect({ status, ...json }).toMatchObject({
      status: 507,
      code: 'no-space',
      detail: expect.stringMatching(/ MB are needed: make room/),
    });
  });
});
