import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { formatPosition, rfc3339 } from '@recourse/contracts/http';
import { ProjectionRows } from '@recourse/contracts/http-rows';
import { projections } from '../../projections/all.ts';
import type { Engine, OpenEngine } from '../../projections/testing/engines.ts';
import { type History, openHistory, orderIdOf, standingClock } from '../../projections/testing/history.ts';

const noon = Date.UTC(2026, 0, 31, 12);

type Query = Record<string, string | string[]>;

/** What every engine answers of rows as they are now, and the engine itself for more: call it in a `describe`. */
export const rowsContract = (open: OpenEngine): { engine(): Engine } => {
  const clock = standingClock(noon);
  let dataDir: string;
  let history: History;
  let engine: Engine;
  let head: number;

  /** Five orders, one a second from noon on, and 20 SKUs; nothing changes after that. */
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-rows-'));
    history = openHistory(dataDir, clock);
    engine = await open(history);
    for (let n = 0; n < 20; n += 1) history.receive(`SKU-${String(n).padStart(2, '0')}`, 10 + n);
    const ways = [
      () => history.order({ customerId: 'ann' }).done(),
      () => history.order({ customerId: 'bob', currency: 'EUR' }).done(),
      () => history.order().paid().givenBack('customer-cancelled', { stock: false }),
      () =>
        history
          .order({ customerId: 'ann' })
          .created()
          .saga('paying', 'ProcessPayment', undefined, { flags: ['deadline'] }),
      () => history.order().created(),
    ];
    for (const way of ways) {
      way();
      await history.settled();
      clock.move(1_000);
    }
    head = await history.log.head();
    await engine.models.waitFor(head);
  });
  afterAll(async () => {
    await engine.close();
    await history.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const ask = async (projection: string, query: Query = {}) =>
    ProjectionRows.parse(await (await engine.queries.prepare(projection, query)).rows({}));

  it('shows rows as they are, with their columns, and the position and time that they show', async () => {
    const { rows, ...about } = await ask('payments', { limit: '1' });
    expect(about).toMatchObject({
      projection: 'payments',
      version: 1,
      table: 'payments',
      asOf: { position: formatPosition(head), time: rfc3339(noon + 4_000) },
      nextCursor: expect.any(String),
    });
    expect(rows).toMatchObject([
      { orderId: orderIdOf(3), state: 'refunded', refunded: 500, startedAt: rfc3339(noon + 2_000) },
    ]);
  });

  it('can show every table of every projection', async () => {
    for (const { name, tables } of projections)
      for (const [table, { columns }] of Object.entries(tables)) {
        const shown = await ask(name, { table });
        expect(shown).toMatchObject({ projection: name, table });
        for (const row of shown.rows) expect(Object.keys(row)).toEqual(Object.keys(columns));
      }
  });

  it.each([
    ['a text', { customerId: 'ann' }, [4, 1]],
    ['a number', { position: '21' }, [1]],
    ['a time', { createdAt: '2026-01-31T13:00:01+01:00' }, [2]],
    ['one of several', { state: ['completed', 'cancelled'] }, [3, 2, 1]],
    ['no time', { endedAt: '' }, [5, 4]],
    ['one of several, none among them', { customerId: ['', 'bob'] }, [5, 3, 2]],
    ['two columns', { customerId: 'ann', state: 'completed' }, [1]],
    ['what is not there', { customerId: "'; drop table orders; --" }, []],
  ] as [string, Query, number[]][])('finds rows by %s', async (_, query, expected) => {
    const { rows } = await ask('orders', query);
    expect(rows.map(({ orderId }) => orderId)).toEqual(expected.map((n) => orderIdOf(n)));
  });

  it('finds rows by what an array of theirs holds, or by all of it', async () => {
    for (const flags of ['deadline', '["deadline"]'])
      expect((await ask('sagas', { flags })).rows).toMatchObject([
        { sagaId: orderIdOf(4), flags: ['deadline'] },
      ]);
    expect((await ask('sagas', { flags: 'dead' })).rows).toEqual([]);
  });

  it.each(['orders', 'stock'])('gives all rows of %s in pages, each once, in their order', async (name) => {
    const { rows: all } = await ask(name, { limit: '500' });
    for (const limit of [1, 7, all.length, all.length + 1]) {
      const rows: unknown[] = [];
      let cursor: string | null | undefined;
      while (cursor !== null) {
        const page = await ask(name, { limit: String(limit), ...(cursor && { cursor }) });
        expect(page.rows.length).toBeLessThanOrEqual(limit);
        rows.push(...page.rows);
        cursor = page.nextCursor;
      }
      expect(rows).toEqual(all);
    }
    const shown = all.map(({ sku, position }) => sku ?? -Number(position));
    expect(shown).toEqual([...shown].sort((a, b) => (a! < b! ? -1 : 1)));
  });

  it('refuses what is not known', async () => {
    for (const [projection, query, code] of [
      ['ordrs', {}, 'not-found'],
      ['orders', { table: 'order' }, 'invalid-request'],
      ['orders', { custmer: 'x' }, 'invalid-request'],
      ['orders', { cursor: 'bm9uZQ' }, 'invalid-request'],
    ] as const)
      await expect(engine.queries.prepare(projection, query)).rejects.toMatchObject({ code });
  });

  return { engine: () => engine };
};
