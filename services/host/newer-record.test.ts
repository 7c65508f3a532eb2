import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { stamp } from '@recourse/infra/event-id';
import { type EventLog, noStream, type RecordedEvent } from '@recourse/infra/ports/event-log';
import { newerLog } from '../../test/faulty-logs.ts';
import { openShop, type Shop, until, usualOrder } from '../../test/shop.ts';
import { type Running, startModule } from './testing/run-recourse.ts';

// A test runs a process, and the machine may be busy.
let folder: string;
let running: Running | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recourse-newer-'));
});
afterEach(async () => {
  await running?.stop('SIGKILL');
  await rm(folder, { recursive: true });
});

const moduleAt = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

describe('a record of a version that this build does not know, met while running', () => {
  it('makes it not ready, with the reason, and tells its owner once; nothing of it is acknowledged', async () => {
    const first = await openShop();
    await first.close();
    const fatal: Error[] = [];
    const shop = await openShop({
      dataDir: first.dataDir,
      overrides: {
        wrapLog: (log) => newerLog(log, 'OrderCreated', 99),
        onFatal: (error) => fatal.push(error),
      },
    });
    expect((await shop.get('/health/ready')).status).toBe(200);
    const orderId = await shop.place();
    await until(async () => fatal.length, Boolean);
    const ready = await shop.get('/health/ready');
    expect(ready.status).toBe(503);
    expect(ready.body.detail).toContain('OrderCreated version 99');
    expect(await shop.told(orderId)).toEqual(['OrderCreated']);
    await shop.place();
    await shop.close();
    expect(fatal.map(({ name }) => name)).toEqual(['UnknownVersionError']);

    const newer = await openShop({ dataDir: first.dataDir });
    await until(
      () => newer.order(orderId),
      ({ state }) => state === 'completed',
    );
    await newer.end();
  });

  it('is, too, a step of a machine that this build does not know, and a wish for one: no dead letter', async () => {
    const newerMachine = (record: RecordedEvent): RecordedEvent =>
      record.type === 'SagaAdvanced'
        ? { ...record, data: { ...record.data, machine: { name: 'order-saga', version: 99 } } }
        : record;
    const cases: [(log: EventLog) => EventLog, (shop: Shop, orderId: string) => Promise<unknown>][] = [
      [
        (log) => ({
          ...log,
          follow: (after, batchMax, onRecords) =>
            log.follow(after, batchMax, (records) => onRecords(records.map(newerMachine))),
        }),
        async () => {},
      ],
      [
        (log) => log,
        ({ recourse }, orderId) => {
          const data = { from: 1, to: 99, atRevision: 0 };
          const wish = stamp([{ type: 'SagaMigrationRequested', data }], orderId, orderId);
          return recourse.log.append(orderStream('saga-input', orderId as OrderId), noStream, wish);
        },
      ],
    ];
    for (const [wrapLog, happens] of cases) {
      const fatal: Error[] = [];
      const shop = await openShop({ overrides: { wrapLog, onFatal: (error) => fatal.push(error) } });
      try {
        await happens(shop, await shop.place());
        await until(async () => fatal.length, Boolean);
        expect(fatal.map(({ name }) => name)).toEqual(['UnknownVersionError']);
        const ready = await shop.get('/health/ready');
        expect([ready.status, ready.body.detail]).toEqual([
          503,
          expect.stringContaining('order-saga version 99 is not known to this Recourse, which knows 1 and 2'),
        ]);
        expect((await shop.get('/dead-letters')).body.items).toEqual([]);
      } finally {
        await shop.end();
      }
    }
  });

  it('ends the process with exit code 1, after it has said why', async () => {
    const path = join(folder, 'start.mjs');
    await writeFile(
      path,
      `import { readConfig } from ${moduleAt('./config.ts')};
      import { start } from ${moduleAt('./commands/start.ts')};
      import { newerLog } from ${moduleAt('../../test/faulty-logs.ts')};
      await start(readConfig({ port: '0', dataDir: ${JSON.stringify(join(folder, 'data'))} }, {}), {
        wrapLog: (log) => newerLog(log, 'OrderCreated', 99),
      });`,
    );
    running = await startModule(path);
    const line = { sku: 'MUG-POLKADOT', quantity: 1, unitPrice: 249 };
    const answer = await fetch(`${running.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=30' },
      body: JSON.stringify({ ...usualOrder, lines: [line] }),
    });
    expect(await running.ended).toBe(1);
    expect(answer.status).toBe(202);
    expect(running.complained()).toMatch(/^Recourse cannot go on: .*OrderCreated version 99/m);
    expect(running.complained()).toContain('met a version that this build does not know');
  });
});
