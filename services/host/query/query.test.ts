import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { formatPosition } from '@recourse/contracts/http';
import type { ProjectionRows } from '@recourse/contracts/http-rows';
import { openShop, type Shop } from '../../../test/shop.ts';
import { runRecourse } from '../testing/run-recourse.ts';
import { rowsLines } from './rows-text.ts';

// Each test runs several processes, and the machine may be busy.
const answer = (changes: Partial<ProjectionRows> = {}): ProjectionRows => ({
  projection: 'sagas',
  version: 2,
  table: 'sagas',
  asOf: { position: formatPosition(40), time: '2026-01-31T12:00:00.000Z' },
  columns: [
    { name: 'position', type: 'integer' },
    { name: 'state', type: 'text' },
    { name: 'flags', type: 'json' },
    { name: 'endedAt', type: 'time' },
  ],
  rows: [
    { position: 7, state: 'paying', flags: ['deadline'], endedAt: null },
    { position: 12, state: 'completed', flags: [], endedAt: '2026-01-31T11:59:00.500Z' },
  ],
  nextCursor: null,
  ...changes,
});

describe('rows in a terminal', () => {
  it('are a table, with times and JSON short, and say of when they are', () => {
    expect(rowsLines(answer(), false)).toEqual([
      'position  state      flags         endedAt',
      '       7  paying     ["deadline"]  –',
      '      12  completed  []            2026-01-31 11:59:00.500',
      '',
      '2 rows of sagas as of position 0000000000000040, 2026-01-31 12:00:00.000 UTC.',
    ]);
  });

  it('say how to get more', () => {
    const lines = rowsLines(answer({ table: 'others', nextCursor: 'abc' }), true);
    expect(lines.slice(-2)).toEqual([
      '2 rows of sagas, table others now, at position 0000000000000040, 2026-01-31 12:00:00.000 UTC.',
      'There is more: --limit, or --cursor abc',
    ]);
  });

  it('say that there are none, and why', () => {
    const nothing = { rows: [], asOf: { position: formatPosition(0), time: null } };
    expect(rowsLines(answer({ rows: [] }), true)).toEqual([
      'No rows of sagas now, at position 0000000000000040, 2026-01-31 12:00:00.000 UTC.',
    ]);
    expect(rowsLines(answer(nothing), false)).toEqual([
      'No rows of sagas: nothing was known then, the log begins later.',
    ]);
    expect(rowsLines(answer(nothing), true)).toEqual(['No rows of sagas: nothing has happened yet.']);
  });

  it('cannot move the cursor, or fill the screen', () => {
    const row = { position: 1, state: '\u001b[2J', flags: ['x'.repeat(100)], endedAt: null };
    const [, line] = rowsLines(answer({ rows: [row] }), true);
    expect(line).toContain('\\x1b[2J');
    expect(line).toContain(`["${'x'.repeat(57)}…`);
  });
});

describe('recourse query', () => {
  let shop: Shop;
  let head: number;
  beforeAll(async () => {
    shop = await openShop();
    await shop.placeAndWait();
    await shop.placeAndWait({ paymentToken: 'tok_declined' });
    const many = Array.from({ length: 510 }, (_, n) => `MANY-${String(n).padStart(3, '0')}`);
    await Promise.all(many.map((sku) => shop.stockUp({ [sku]: 1 })));
    head = await shop.recourse.log.head();
  });
  afterAll(() => shop.end());

  const query = (...args: readonly string[]) => runRecourse(['query', ...args, '--data-dir', shop.dataDir]);
  const json = async (...args: readonly string[]) => {
    const { stdout, ...ran } = await query(...args, '--json');
    expect(ran).toMatchObject({ code: 0 });
    return JSON.parse(stdout) as ProjectionRows;
  };

  it('says the same from a server and from the folder, now and then, and from where', async () => {
    const then = '30';
    const all = async () =>
      [
        await json('stock', '--where', 'sku=SKU-A'),
        await json('payments', '--as-of', then),
        await query('revenue'),
      ] as const;
    const [stock, payments, revenue] = await all();
    expect(stock).toMatchObject({ rows: [{ sku: 'SKU-A', received: 1_000, onHand: 999, shipped: 1 }] });
    expect(payments).toMatchObject({ asOf: { position: formatPosition(30) } });
    expect(revenue.stdout).toMatch(/^day +currency +country +orders +captured +refunded +net\n/);
    expect(revenue.stderr).toBe(`From the server at ${shop.url}.\n`);

    await shop.close();
    const again = await all();
    expect(again.slice(0, 2)).toEqual([stock, payments]);
    expect(again[2].stdout).toBe(revenue.stdout);
    expect(again[2].stderr).toBe(`From the data folder ${shop.dataDir} (no server runs there).\n`);
    expect(existsSync(join(shop.dataDir, 'as-of'))).toBe(false);
    shop = await openShop({ dataDir: shop.dataDir });
  });

  it('gives as many rows as are wanted, over several pages, and goes on from a cursor', async () => {
    const skus = ({ rows }: ProjectionRows) => rows.map(({ sku }) => sku);
    const all = skus(await json('stock', '--limit', '1000'));
    expect(all).toHaveLength(512);
    const first = await json('stock', '--limit', '505', '--as-of', String(head));
    expect(skus(first)).toEqual(all.slice(0, 505));
    expect(skus(await json('stock', '--cursor', first.nextCursor!))).toEqual(all.slice(505));
    expect(skus(await json('stock', '--where', 'sku=MANY-001', '--where', 'sku=MANY-002'))).toEqual([
      'MANY-001',
      'MANY-002',
    ]);
  });

  it('says in one clear message what is wrong, and exits with 1', async () => {
    const refused: readonly (readonly [RegExp, ...string[]])[] = [
      [/\(not-found\): The projection ordrs does not exist\./, 'ordrs'],
      [
        /\(invalid-request\): table: there is no table "x": stock has the tables stock, reservations/,
        'stock',
        '--table',
        'x',
      ],
      [/\(invalid-request\): x: there is no column "x"/, 'stock', '--where', 'x=1'],
      [/\(not-found\): Position 0000000099999999 \(the log ends at /, 'stock', '--as-of', '99999999'],
      [/\(not-found\): 2999-01-01 is still to come\./, 'stock', '--as-of', '2999-01-01'],
      [/\(invalid-request\): asOf: must be a position/, 'stock', '--as-of', 'noon'],
      [/^--where is "sku": it must be column=value\.$/m, 'stock', '--where', 'sku'],
      [/^--limit is "0": it must be a whole number from 1 to 100000\.$/m, 'stock', '--limit', '0'],
    ];
    for (const [message, ...args] of refused) {
      const { code, stdout, stderr } = await query(...args);
      expect({ args, code, stdout }).toEqual({ args, code: 1, stdout: '' });
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain('    at ');
    }
  });
});
