import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { runRecourse, startRecourse } from '../testing/run-recourse.ts';
import { demoRows } from './rows.ts';
import type { RowResult } from './run-row.ts';

// It runs several processes, and the machine may be busy.
let folder: string;
let server: Awaited<ReturnType<typeof startRecourse>>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recourse-demo-'));
  server = await startRecourse(join(folder, 'data'), {
    SAGA_VERSION: '2',
    ASK_DELAYS_MS: '1500,400,400,400,400',
    SLOW_MS: '500',
    LOG_LEVEL: 'error',
  });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

it('the demo shows the ways of version 2 where orders begin on it, each as it must end', async () => {
  const { code, stdout, stderr } = await runRecourse(['demo', '--json', '--url', server.url]);
  expect([code, stderr]).toEqual([0, '']);
  const results = JSON.parse(stdout) as RowResult[];
  expect(results.map(({ label, version, wrong }) => ({ label, version, wrong }))).toEqual(
    demoRows.map(({ label }) => ({ label, version: 2, wrong: [] })),
  );
  const [allWell] = results;
  expect(allWell?.commands).toEqual([
    'AuthorizePayment',
    'ReserveInventory',
    'ShipOrder',
    'CapturePayment',
    'CompleteOrder',
  ]);
  const ledger = await runRecourse(['ledger', '--url', server.url]);
  expect([ledger.code, ledger.stdout]).toEqual([0, expect.stringMatching(/The ledger balances at/)]);
});
