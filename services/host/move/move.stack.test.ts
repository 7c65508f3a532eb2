import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openDeliveryStore } from '@recourse/infra/broker/delivery-store';
import { shopAt, until } from '../../../test/shop.ts';
import { describeOnStack } from '../../../test/stack/kit.ts';
import { type DistributedProcess, startDistributed } from '../distributed/distributed.ts';
import { type OldShop, oldShop } from './testing/old-shop.ts';
import { freshTarget, type Target } from './testing/target.ts';

describeOnStack('a shop that is moved to Kafka and PostgreSQL', () => {
  let old: OldShop;
  let target: Target;
  let running: DistributedProcess | undefined;
  beforeAll(async () => {
    target = await freshTarget();
    old = await oldShop();
  });
  afterAll(async () => {
    await running?.close();
    await target?.drop();
    await old?.end();
  });

  it('goes on there: orders end, dead letters are redriven, nothing is done twice', async () => {
    // What inventory has handled comes again: some of it from the waiting table, the rest from Kafka.
    const deliveries = openDeliveryStore(join(old.dataDir, 'delivery.db'));
    deliveries.write([], [['inventory', 5]]);
    deliveries.close();

    const report = await target.move(old.dataDir);
    expect(report).toMatchObject({ differing: 0, differences: [], marked: true });
    expect(report.copied).toBe(report.records);
    expect(report.carried).toMatchObject({ dead: 1, charts: 2 });
    expect(report.carried.timers).toBeGreaterThanOrEqual(3);
    expect(report.carried.waiting).toBeGreaterThan(3);
    expect(report.relayFrom).toBeGreaterThan(5);
    expect(report.relayFrom).toBeLessThan(report.records);

    const fatal = Promise.withResolvers<never>();
    running = await startDistributed(target.config, { onFatal: fatal.reject });
    const shop = shopAt(running.url);
    const ended = (id: string) => {
      const end = until(
        () => shop.order(id),
        ({ endedAt }) => endedAt !== null,
        30_000,
      );
      return Promise.race([end, fatal.promise]);
    };
    expect(await ended(old.down)).toMatchObject({ state: 'completed' });
    expect(await ended(old.waiting)).toMatchObject({ state: 'cancelled' });
    const { body } = await until(
      () => shop.get('/dead-letters'),
      ({ body }) => body.items?.length === 1,
    );
    const [letter] = body.items;
    expect(letter).toMatchObject({ group: 'payment', orderId: old.dead, type: 'ProcessPayment' });
    expect((await shop.post(`/dead-letters/${letter!.id}/redrive`, {})).status).toBe(202);
    expect(await ended(old.dead)).toMatchObject({ state: 'completed' });
    for (const [id, state] of old.ended) expect(await shop.order(id)).toMatchObject({ state });

    const ledger = await until(
      shop.ledger,
      ({ orders }) => orders.open === 0 && orders.completed === 4,
      20_000,
    );
    expect(ledger.violations).toEqual([]);
    // What waited came in its order: first the authorisation, then what takes it back.
    const told = await shop.told(old.waiting);
    expect(told.filter((it) => !it.startsWith('→'))).toEqual([
      'OrderCreated',
      'OrderCancellationRequested',
      'AuthorizationStarted',
      'PaymentAuthorized',
      'VoidStarted',
      'PaymentVoided',
      'OrderCancelled',
    ]);
  });
});
