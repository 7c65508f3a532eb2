import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { demoRows } from './demo/rows.ts';
import type { Summary } from './load/summary.ts';
import { runRecourse, startRecourse } from './testing/run-recourse.ts';

let folder: string;
let server: Awaited<ReturnType<typeof startRecourse>>;
const run = (...args: string[]) => runRecourse([...args, '--url', server.url]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recourse-e2e-'));
  server = await startRecourse(join(folder, 'data'), {
    ASK_DELAYS_MS: '1500,400,400,400,400',
    SLOW_MS: '500',
    LOG_LEVEL: 'error',
  });
});
afterAll(async () => {
  expect(await server.stop()).toBe(0);
  await rm(folder, { recursive: true });
});

const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const manyLines = Array.from({ length: 1_001 }, () => '7,A,,1,d,1.00,,France').join('\n');
const file = `${header}
1,A,"A mug, red",3,d,2.55,17850.0,France
2,B,,1,d,0.0,,France
3,A,,2,d,1.00,,Nowhere
1,B,,2,d,0.99,17850.0,France
C4,A,,-1,d,2.55,17850.0,France
5,"C ""x""/ü",,1,d,1.25,,EIRE
${manyLines}
`;

describe('a server, by the command line', () => {
  it('says where it is, where its data is, and what to try', async () => {
    const said = server.said();
    expect(said).toContain(`Data:  ${join(folder, 'data')} (new)`);
    const [, body = ''] = /-d '(.*)'/.exec(said) ?? [];
    const answer = await fetch(`${server.url}/orders`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', prefer: 'wait=60' },
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ state: 'completed' });
  });

  it('places an order, shows its history, and follows it to its end', async () => {
    const placed = await run('order', '--wait', '--json');
    expect(placed.code).toBe(0);
    const { orderId, state } = JSON.parse(placed.stdout);
    expect(state).toBe('completed');
    const [history, watched, events] = await Promise.all([
      run('history', orderId),
      run('watch', orderId),
      run('history', orderId, '--json'),
    ]);
    for (const { code, stdout } of [history, watched]) {
      expect(code).toBe(0);
      for (const name of [
        'OrderCreated',
        'ProcessPayment',
        'StockTaken|ReservationStarted',
        'ShipOrder',
        'OrderCompleted',
      ])
        expect(stdout).toMatch(new RegExp(name));
    }
    expect(history.stdout).toMatch(/1\d events in \d+\.\d{3} s/);
    const { events: listed } = JSON.parse(events.stdout);
    expect(listed[0]).toMatchObject({ specversion: '1.0', type: 'OrderCreated', subject: orderId });
  });

  it('is not ordered from twice under one key', async () => {
    const order = () =>
      run('order', '--key', 'once', '--json').then(({ stdout }) => JSON.parse(stdout).orderId);
    const first = await order();
    expect(await order()).toBe(first);
    const other = await run('order', '--key', 'once', '--country', 'France');
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(other.stderr).toContain('(idempotency-key-reused)');
  });

  it('refuses in the words of its problem', async () => {
    const unknown = await run('order', '--line', 'NO-SUCH:1:1.00', '--line', 'NEITHER:1:1.00');
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/\(unknown-sku\).*lines\[0\]\.sku[\s\S]*lines\[1\]\.sku/);
    expect(await run('watch', '019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f')).toMatchObject({ code: 1 });
    expect((await run('history', 'x')).stderr).toContain('(invalid-id)');
  });

  it('keeps its port and its folder to itself', async () => {
    const { port } = new URL(server.url);
    const samePort = await runRecourse(['start', '--port', port, '--data-dir', join(folder, 'other')]);
    expect(samePort.code).toBe(1);
    expect(existsSync(join(folder, 'other'))).toBe(false);
    expect(samePort.stderr).toMatch(new RegExp(`PORT \\(--port\\) ${port} on 127\\.0\\.0\\.1 is in use`));
    const sameFolder = await runRecourse(['start', '--port', '0', '--data-dir', join(folder, 'data')]);
    expect(sameFolder.code).toBe(1);
    expect(sameFolder.stderr).toMatch(/is held by process \d+/);
  });

  it('takes a whole file of orders once, however often it is loaded', async () => {
    const path = join(folder, 'export.csv');
    const rejects = join(folder, 'dropped.csv');
    await writeFile(path, file);
    const load = async (...args: string[]) => {
      const { code, stdout, stderr } = await run('load', path, '--json', ...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return JSON.parse(stdout) as Summary;
    };
    const first = await load('--rejects', rejects);
    expect(first).toMatchObject({
      rows: 1_007,
      invoices: 5,
      returns: { invoices: 1, rows: 1 },
      rowsDropped: { total: 1, rows: [{ line: 3, invoice: '2', reason: 'price-zero' }] },
      stock: { skus: 3, pieces: 8, otherShare: 0 },
      accepted: 3,
      knownBefore: 0,
      refused: { total: 2, byReason: { 'no-rows-left': 1, 'too-many-lines': 1 } },
      completed: 2,
      takenBack: { total: 1, byReason: { 'shipping-failed': 1 } },
      ledger: { balanced: true, behind: false, violations: [] },
    });
    expect(await readFile(rejects, 'utf8')).toBe('line,invoice,reason\n3,2,price-zero\n');

    const received = async () => JSON.parse((await run('ledger', '--json')).stdout).stock.received;
    const before = await received();
    const again = await load();
    expect(again).toMatchObject({ accepted: 3, knownBefore: 3, completed: 2, latencyMs: null });
    const otherShare = await load('--stock-share', '2');
    expect(otherShare.stock).toEqual({ skus: 0, pieces: 0, otherShare: 3 });
    expect(await received()).toBe(before);
  });

  it('ends every row of the compensation table as it must, and then its ledger balances', async () => {
    const { code, stdout, stderr } = await run('demo');
    expect({ code, stderr, wrong: stdout.split('\n').filter((line) => line.includes('✗')) }).toEqual({
      code: 0,
      stderr: '',
      wrong: [],
    });
    expect(stdout.match(/✓ as expected \(order/g)).toHaveLength(demoRows.length);
    const ledger = await run('ledger');
    expect(ledger).toMatchObject({ code: 0, stderr: '' });
    expect(ledger.stdout).toMatch(/The ledger balances at position \d+\./);
  });
});
