import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { countingLog, failingFrom } from '../../test/faulty-logs.ts';
import { openShop, participant } from '../../test/inventory-shop.ts';
import { demoCatalogue, putInDemoCatalogue } from './demo-catalogue.ts';

let shop: Awaited<ReturnType<typeof openShop>>;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(() => shop.close());

const putIn = (log: EventLog) => putInDemoCatalogue(log, participant(log));

const expectAllInOnce = async () => {
  for (const { sku, quantity } of demoCatalogue)
    expect({ sku, stock: await shop.stockOf(sku) }).toEqual({
      sku,
      stock: [`received ${quantity} → ${quantity}`],
    });
};

/** An intent and a stock record for each article. */
const appendsAll = demoCatalogue.length * 2;

describe('the demo catalogue', () => {
  it('comes into the stock of a new log, and later starts add nothing', async () => {
    await putIn(shop.log);
    await expectAllInOnce();
    const { log, counts } = countingLog(shop.log);
    await putIn(log);
    expect(counts.appends).toBe(0);
    expect(counts.reads).toBeLessThanOrEqual(1);
  });

  it.each(
    Array.from({ length: appendsAll }, (_, n) => [
      [n, false],
      [n, true],
    ]).flat() as [number, boolean][],
  )('is completed at the next start after a crash at append %i (stored: %s)', async (n, stored) => {
    const dying = failingFrom(shop.log, n, stored);
    await putIn(dying.log).catch(() => {});
    expect(dying.failed()).toBe(true);
    await putIn(shop.log);
    await expectAllInOnce();
  });

  it('leaves a log alone that began without it', async () => {
    await participant(shop.log).stockIn('OTHER', 1);
    await putIn(shop.log);
    expect(await shop.log.head()).toBe(2);
  });
});
