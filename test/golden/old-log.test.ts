import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { projections } from '@recourse/api/projections/all';
import { registered } from '@recourse/contracts/registry';
import { openSqliteLogReader } from '@recourse/infra/log/reader';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import { replayInto } from '@recourse/infra/project/replay';
import { systemClock } from '@recourse/infra/system';
import { openShop, type Shop, until } from '../shop.ts';
import { oldOrders, unpackOldData } from './files.ts';
import { storedVersions } from './stored.ts';

// A shop is opened, and the machine may be busy.
let folder: string;
let shop: Shop | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-old-'));
  unpackOldData(folder);
});
afterEach(async () => {
  await shop?.close();
  shop = undefined;
  rmSync(folder, { recursive: true });
});

describe('a log that the first version of everything wrote', () => {
  it('opens, and every record of it reads as the present schema says', async () => {
    const log = openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock });
    const records = await log.readAll(0, 10_000);
    expect(records.length).toBe(await log.head());
    for (const { type, version, data } of records) {
      const { version: present, schema } = registered(type);
      expect([type, version, schema.safeParse(data).error]).toEqual([type, present, undefined]);
    }
    await log.close();
  });

  it('replays: every projection folds it to its end', () => {
    const source = openSqliteLogReader(join(folder, 'log.db'));
    const into = join(folder, 'replayed');
    mkdirSync(into);
    const replayed = replayInto(into, projections, source, source.head());
    for (const { name } of projections)
      expect([name, replayed.files[name]?.checkpoint().position]).toEqual([name, source.head()]);
    replayed.close();
    source.close();
  });

  it('goes on: its open orders come to their ends on the machine that they began on', async () => {
    const stored = () => storedVersions(join(folder, 'log.db')).filter(({ type }) => type === 'SagaAdvanced');
    const before = stored();
    expect(before.map(({ version }) => version)).toEqual([1]);
    shop = await openShop({ dataDir: folder, flags: { askDelaysMs: '2,2,2,2,2' } });
    const list = async () => (await shop!.get('/orders?limit=100')).body.items;
    const items = await until(list, ({ length }) => length === oldOrders);
    for (const { orderId } of items) {
      await until(
        () => shop!.order(orderId),
        ({ endedAt }) => endedAt !== null,
        40_000,
      );
      expect((await shop.saga(orderId)).machine).toEqual({ name: 'order-saga', version: 1 });
    }
    // What was written stays as it was; what is written now is of the present version.
    const [old, present] = stored();
    expect([old, present?.version]).toEqual([before[0], 2]);
  });
});
