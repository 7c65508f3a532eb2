import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatPosition, rfc3339 } from '@recourse/contracts/http';
import { ProjectionRows } from '@recourse/contracts/http-rows';
import { projections } from '../projections/all.ts';
import { inFiles } from '../projections/testing/engines.ts';
import { type History, openHistory, orderIdOf, standingClock } from '../projections/testing/history.ts';
import { openReadModels, type ReadModels } from '../read-models.ts';
import { openQueries, type Queries } from './queries.ts';
import { rowsContract } from './testing/rows-contract.ts';

const noon = Date.UTC(2026, 0, 31, 12);

/** Five orders, one a second from noon on, and 20 SKUs; nothing changes after that. */
describe('a query', () => {
  const clock = standingClock(noon);
  let dataDir: string;
  let history: History;
  let models: ReadModels;
  let queries: Queries;
  let head: number;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-queries-'));
    history = openHistory(dataDir, clock);
    models = await openReadModels({ dataDir, logPath: history.logPath, log: history.log });
    queries = openQueries({ dataDir, logPath: history.logPath, clock });
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
    await models.waitFor(head);
  });
  afterAll(async () => {
    await queries.close();
    await models.close();
    await history.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const ask = async (projection: string, query: Record<string, string | string[]> = {}) =>
    ProjectionRows.parse(await (await queries.prepare(projection, query)).rows({}));
  const orderIds = async (query: Record<string, string | string[]>) =>
    (await ask('orders', query)).rows.map(({ orderId }) => orderId);
  const ids = (...numbers: readonly number[]) => numbers.map((n) => orderIdOf(n));

  it('shows rows as they are, with their columns, and the position and time that they show', async () => {
    const { rows, ...about } = await ask('payments', { limit: '1' });
    expect(about).toMatchObject({
      projection: 'payments',
      version: 1,
      table: 'payments',
      asOf: { position: formatPosition(head), time: rfc3339(noon + 4_000) },
      nextCursor: expect.any(String),
    });
    expect(about.columns.slice(0, 4)).toEqual([
      { name: 'position', type: 'integer' },
      { name: 'orderId', type: 'text' },
      { name: 'state', type: 'text' },
      { name: 'currency', type: 'text' },
    ]);
    expect(rows).toMatchObject([
      {
        orderId: orderIdOf(3),
        state: 'refunded',
        refunded: 500,
        startedAt: rfc3339(noon + 2_000),
        reason: null,
      },
    ]);
  });

  it('can show every table of every projection, now and then', async () => {
    for (const { name, tables } of projections)
      for (const [table, { columns }] of Object.entries(tables))
        for (const moment of [{}, { asOf: String(head - 7) }]) {
          const shown = await ask(name, { table, ...moment });
          expect(shown).toMatchObject({ projection: name, table });
          for (const row of shown.rows) expect(Object.keys(row)).toEqual(Object.keys(columns));
        }
  });

  it('turns JSON into values', async () => {
    expect((await ask('sagas', { state: 'paying' })).rows).toMatchObject([{ flags: ['deadline'] }]);
  });

  it.each([
    ['a text', { customerId: 'ann' }, [4, 1]],
    ['a number', { position: '21' }, [1]],
    ['a time', { createdAt: '2026-01-31T13:00:01+01:00' }, [2]],
    ['one of several', { state: ['completed', 'cancelled'] }, [3, 2, 1]],
    ['none', { endedAt: '' }, [5, 4]],
    ['one of several, none among them', { customerId: ['', 'bob'] }, [5, 3, 2]],
    ['two columns', { customerId: 'ann', state: 'completed' }, [1]],
    ['what is not there', { customerId: "'; drop table orders; --" }, []],
  ])('finds rows by %s', async (_, query, expected) => {
    expect(await orderIds(query as Record<string, string | string[]>)).toEqual(ids(...expected));
    expect(await orderIds({ ...(query as object), asOf: String(head) })).toEqual(ids(...expected));
  });

  it('finds rows by what an array of theirs holds, or by all of it', async () => {
    for (const flags of ['deadline', '["deadline"]'])
      expect((await ask('sagas', { flags })).rows).toMatchObject([{ sagaId: orderIdOf(4) }]);
    expect((await ask('sagas', { flags: 'dead' })).rows).toEqual([]);
  });

  it.each([{}, { asOf: '30' }])('gives all rows in pages, each once, in their order: %j', async (moment) => {
    const paged = async (projection: string, limit: number) => {
      const rows: unknown[] = [];
      let cursor: string | null | undefined;
      while (cursor !== null) {
        const page = await ask(projection, { ...moment, limit: String(limit), ...(cursor && { cursor }) });
        expect(page.rows.length).toBeLessThanOrEqual(limit);
        rows.push(...page.rows);
        cursor = page.nextCursor;
      }
      return rows;
    };
    for (const projection of ['orders', 'stock']) {
      const { rows } = await ask(projection, { ...moment, limit: '500' });
      expect(rows.length).toBeGreaterThan(0);
      for (const limit of [1, 7, rows.length, rows.length + 1])
        expect(await paged(projection, limit)).toEqual(rows);
    }
    const { rows } = await ask('stock', moment);
    expect(rows.map(({ sku }) => sku)).toEqual(rows.map(({ sku }) => sku).sort());
  });

  it('stays at the moment of its first page', async () => {
    const first = await ask('orders', { asOf: '30', limit: '1' });
    const { nextCursor: cursor } = await ask('stock', { asOf: '30', limit: '1' });
    const again = await ask('stock', { cursor: cursor!, limit: '1' });
    expect(again.asOf).toEqual(first.asOf);
    expect(await ask('stock', { cursor: cursor!, limit: '1', asOf: '30' })).toEqual(again);
    const time = rfc3339(noon + 1_000);
    const timed = await ask('stock', { asOf: time, limit: '1' });
    const next = await ask('stock', { asOf: time, limit: '1', cursor: timed.nextCursor! });
    expect(next.asOf).toEqual(timed.asOf);
  });

  it('shows what was known at a time: every record up to it', async () => {
    const orderNumbers = async (asOf: string) => (await orderIds({ asOf })).length;
    expect(await orderNumbers('2026-01-31T12:00:00Z')).toBe(1);
    expect(await orderNumbers('2026-01-31T12:00:00.999Z')).toBe(1);
    expect(await orderNumbers('2026-01-31T12:00:01Z')).toBe(2);
    expect(await orderNumbers('2026-01-31T14:00:02+02:00')).toBe(3);
    expect((await ask('orders', { asOf: '2026-01-31T12:00:00.999Z' })).asOf.time).toBe(rfc3339(noon));
  });

  it("is refused the past where the disk has little room: what is left is the log's", async () => {
    let free = 64 * 1024 * 1024;
    const tight = openQueries({ dataDir, logPath: history.logPath, clock, freeBytes: () => free });
    const past = async () => (await tight.prepare('orders', { asOf: '10' })).rows({});
    try {
      await expect(past()).rejects.toMatchObject({ code: 'no-space' });
      expect(await (await tight.prepare('orders', {})).rows({})).toMatchObject({ projection: 'orders' });
      free = Number.MAX_SAFE_INTEGER;
      expect(await past()).toMatchObject({ asOf: { position: formatPosition(10) } });
    } finally {
      await tight.close();
    }
  });

  it('says that nothing was known before the first record', async () => {
    for (const asOf of ['0', '0000000000000000', '2026-01-31', '2026-01-31T11:59:59.999Z', '1970-01-01'])
      expect(await ask('orders', { asOf })).toMatchObject({
        asOf: { position: formatPosition(0), time: null },
        rows: [],
        nextCursor: null,
      });
  });

  it.each([
    ['an unknown projection', 'ordrs', {}, 'not-found', /The projection ordrs/],
    [
      'an unknown table',
      'orders',
      { table: 'order' },
      'invalid-request',
      /no table "order": orders has the tables orders, counts/,
    ],
    ['a table of JavaScript', 'orders', { table: 'constructor' }, 'invalid-request', /no table/],
    [
      'an unknown column',
      'orders',
      { custmer: 'x' },
      'invalid-request',
      /no column "custmer": orders has the columns position, /,
    ],
    ['a column of JavaScript', 'orders', { toString: 'x' }, 'invalid-request', /no column "toString"/],
    ['a word for a number', 'orders', { total: 'ten' }, 'invalid-request', /^total: must be a whole number/],
    ['a word for a time', 'orders', { createdAt: 'noon' }, 'invalid-request', /^createdAt: must be a time/],
    [
      'no moment',
      'orders',
      { asOf: 'yesterday' },
      'invalid-request',
      /^asOf: must be a position, a time such as/,
    ],
    ['a day that is none', 'orders', { asOf: '2026-02-31' }, 'invalid-request', /^asOf/],
    ['a time without its zone', 'orders', { asOf: '2026-01-31T12:00:00' }, 'invalid-request', /^asOf/],
    ['two moments', 'orders', { asOf: ['1', '2'] }, 'invalid-request', /^asOf/],
    [
      'a position beyond the head',
      'orders',
      { asOf: '9999' },
      'not-found',
      /^Position 0000000000009999 \(the log ends at /,
    ],
    [
      'a time to come',
      'orders',
      { asOf: '2026-01-31T12:00:06Z' },
      'not-found',
      /^2026-01-31T12:00:06Z is still to come/,
    ],
    ['too many rows', 'orders', { limit: '501' }, 'invalid-request', /^limit/],
    ['no rows', 'orders', { limit: '0' }, 'invalid-request', /^limit/],
    ['a cursor of nobody', 'orders', { cursor: 'bm9uZQ' }, 'invalid-request', /cursor/],
  ] as const)('refuses %s', async (_, projection, query, code, detail) => {
    await expect(queries.prepare(projection, query)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(detail),
    });
  });

  it('refuses a cursor of other rows, or of another moment', async () => {
    const { nextCursor: now } = await ask('stock', { limit: '1' });
    const { nextCursor: then } = await ask('stock', { limit: '1', asOf: '30' });
    const wrong: [string, Record<string, string>][] = [
      ['stock', { cursor: now!, table: 'reservations' }],
      ['orders', { cursor: now! }],
      ['stock', { cursor: now!, asOf: '30' }],
      ['stock', { cursor: then!, asOf: '31' }],
    ];
    for (const [projection, query] of wrong)
      await expect(queries.prepare(projection, query)).rejects.toMatchObject({ code: 'invalid-request' });
  });
});

describe('rows as they are now, in files', () => {
  rowsContract(inFiles);
});
