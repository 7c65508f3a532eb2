import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openEventStoreLog } from '@recourse/infra/eventstore/log';
import { systemClock } from '@recourse/infra/system';
import { type FakeEventStore, startEventStore } from '../../../test/eventstore/server.ts';
import { shopAt, until } from '../../../test/shop.ts';
import { describeOnStack, silent } from '../../../test/stack/kit.ts';
import { type DistributedProcess, startDistributed } from '../distributed/distributed.ts';
import { type OldShop, oldShop } from './testing/old-shop.ts';
import { freshTarget, type Target } from './testing/target.ts';

describeOnStack('a shop that is moved to Kafka and EventStoreDB', () => {
  let old: OldShop;
  let server: FakeEventStore;
  let target: Target;
  let running: DistributedProcess | undefined;
  beforeAll(async () => {
    server = await startEventStore();
    target = await freshTarget({ eventstoreUrl: server.url });
    old = await oldShop();
  });
  afterAll(async () => {
    await running?.close();
    await target?.drop();
    await server.stop();
    await old?.end();
  });

  it('goes on there, although positions are others', async () => {
    const report = await target.move(old.dataDir);
    expect(report).toMatchObject({ to: 'eventstore', differing: 0, differences: [], marked: true });
    expect(report.copied).toBe(report.records);
    const log = await openEventStoreLog({ url: server.url, clock: systemClock, logger: silent });
    const positions = (await log.readAll(0, 1_000)).map(({ position }) => position);
    await log.close();
    expect(positions).toHaveLength(report.records);
    expect(positions[5]).toBeGreaterThan(6);
    expect(positions).toContain(report.relayFrom);
    const { query } = target.postgres;
    const checkpoints = await query('select position from relay_checkpoint');
    expect(checkpoints).toEqual([1, 2, 3].map(() => ({ position: report.relayFrom })));
    for (const table of ['timer', 'parked']) {
      const rows = await query<{ position: number }>(`select position from ${table}`);
      expect(rows.length).toBeGreaterThan(0);
      for (const { position } of rows) expect(positions).toContain(position);
    }
    expect(await target.move(old.dataDir)).toEqual({ ...report, copied: 0 });

    running = await startDistributed(target.config);
    const shop = shopAt(running.url);
    for (const id of [old.down, old.waiting])
      await until(
        () => shop.order(id),
        ({ endedAt }) => endedAt !== null,
        30_000,
      );
    const [letter] = (await shop.get('/dead-letters')).body.items;
    expect(letter).toMatchObject({ group: 'payment', orderId: old.dead });
    await shop.post(`/dead-letters/${letter!.id}/redrive`, {});
    const ledger = await until(
      shop.ledger,
      ({ orders }) => orders.open === 0 && orders.completed === 4,
      30_000,
    );
    expect(ledger.violations).toEqual([]);
  });
});
