import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openShop, type Shop } from '../shop.ts';

const parent = await mkdtemp(join(tmpdir(), 'recourse-ahead-'));
afterAll(() => rm(parent, { recursive: true, force: true }));

let open: Shop | undefined;
afterEach(() => open?.close());

let dataDir: string;
let completed: string;
/** A stopped folder whose log was put back to what it was before its last orders; the files beside it were not. */
beforeEach(async () => {
  dataDir = await mkdtemp(join(parent, 'data-'));
  const before = join(parent, 'log-before.db');
  const flags = { slowMs: '60000', callMsMax: '300', askDelaysMs: '60000' };
  let shop = await openShop({ dataDir, flags });
  await shop.stockUp({ 'SKU-A': 100, 'SKU-B': 5 });
  completed = (await shop.placeAndWait()).orderId;
  await shop.close();
  await cp(join(dataDir, 'log.db'), before);
  shop = await openShop({ dataDir, flags });
  await shop.place({ paymentToken: 'tok_slow' });
  await shop.placeAndWait();
  await shop.close();
  await cp(before, join(dataDir, 'log.db'));
});

const files = async () =>
  Promise.all(
    ['log.db', 'delivery.db', 'timers.db'].map(async (name) =>
      (await readFile(join(dataDir, name)).catch(() => '')).toString('base64'),
    ),
  );

const remove = async (name: string) => {
  for (const each of await readdir(dataDir))
    if (each === name || each.startsWith(`${name}-`)) await rm(join(dataDir, each));
};

describe('a data folder whose files are ahead of its log', () => {
  it('is refused with both positions and what to do, nothing changed; what it says helps', async () => {
    const before = await files();
    const refusal = (file: string, what: string) => ({
      name: 'StartError',
      code: 'checkpoint-beyond-log',
      message: expect.stringMatching(
        new RegExp(
          `/${file} is ahead of its log: ${what} is at record \\d+, and log\\.db ends at record \\d+\\. .*from one backup\\..*delete ${file} `,
        ),
      ),
    });
    const start = (demoStock: string) => openShop({ dataDir, flags: { demoStock } });
    await expect(start('true')).rejects.toMatchObject(refusal('timers.db', 'a timer'));
    expect(await files()).toEqual(before);

    await remove('timers.db');
    const [log] = await files();
    await expect(start('true')).rejects.toMatchObject(refusal('delivery.db', 'the checkpoint of \\w+'));
    expect((await files())[0]).toBe(log);

    await remove('delivery.db');
    open = await start('false');
    expect(await open.order(completed)).toMatchObject({ state: 'completed' });
    const told = await open.told(completed);
    expect(await open.placeAndWait()).toMatchObject({ state: 'completed' });
    // Everything was delivered again by now, and nothing was done again.
    expect(await open.told(completed)).toEqual(told);
    const { violations, orders } = await open.ledger();
    expect(orders).toMatchObject({ completed: 2, cancelled: 0 });
    // What the lost orders had done outside stands in the books, and the ledger names it.
    expect(new Set(violations.map(({ code }) => code))).toEqual(new Set(['books-without-intent']));
  });
});
