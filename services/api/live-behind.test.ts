import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from '@jest/globals';
import { fileName, readPointer } from '@recourse/infra/project/pointer';
import { gate } from '../../test/api-kit.ts';
import { openShop, until } from '../../test/shop.ts';

it('answers who waits, and takes orders, however far the read models lag at the start', async () => {
  const before = await openShop();
  await before.placeAndWait();
  // From here on the list of orders stands still: nobody but this test can write its file.
  const folder = join(before.dataDir, 'read-models');
  const file = fileName('orders', readPointer(folder, 'orders')!);
  const list = new DatabaseSync(join(folder, file), { timeout: 5_000 });
  await until(
    () => before.get('/orders'),
    ({ body }) => body.items[0]?.state === 'completed',
  );
  list.exec('begin immediate');
  const { position } = list.prepare('select position from checkpoint').get() as { position: number };
  await before.placeAndWait();
  await before.close();

  const counted = gate();
  let held = false;
  const shop = await openShop({
    dataDir: before.dataDir,
    flags: { openOrdersMax: '1' },
    overrides: {
      wrapLog: (log) => ({
        ...log,
        follow: (after, max, onRecords) =>
          log.follow(after, max, async (records) => {
            if (after === position) {
              held = true;
              await counted.opened;
            }
            await onRecords(records);
          }),
      }),
    },
  });
  try {
    const started = performance.now();
    expect((await shop.placeAndWait()).state).toBe('completed');
    expect((await shop.placeAndWait()).state).toBe('completed');
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(held).toBe(true);
  } finally {
    counted.open();
    list.close();
    await shop.end();
  }
});
