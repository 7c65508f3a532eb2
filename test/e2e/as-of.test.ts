import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projections } from '@recourse/api/projections/all';
import { foldedRecords } from '@recourse/api/projections/testing/folded';
import { formatPosition, type Problem, rfc3339 } from '@recourse/contracts/http';
import { ProjectionRows } from '@recourse/contracts/http-rows';
import { type Random, randomFrom } from '../random.ts';
import { openShop, type Shop, until, usualOrder } from '../shop.ts';

/** Positions are chosen by this seed; a failure names the position, which says it all. */
const seed = 20_260_131;

/** Every table of every read model. */
const tables = projections.flatMap((projection) =>
  Object.keys(projection.tables).map((table) => ({ projection, table })),
);

/** What a live read model said at a position. */
type Seen = { readonly path: string; readonly position: string; readonly rows: readonly unknown[] };

const orders: readonly Record<string, unknown>[] = [
  {},
  { paymentToken: 'tok_declined' },
  { country: 'Brazil' },
  { lines: [{ sku: 'SKU-B', quantity: 10, unitPrice: 10 }] },
  { lines: [...usualOrder.lines, { sku: 'SKU-B', quantity: 1, unitPrice: 5 }], currency: 'EUR' },
  { customerId: 'ann', country: 'Japan' },
];

describe('rows as they were', () => {
  let shop: Shop;
  let random: Random;
  const seen: Seen[] = [];

  const rowsAt = async (path: string): Promise<ProjectionRows> => {
    const { status, body } = await shop.get(path);
    expect({ path, status }).toEqual({ path, status: 200 });
    return ProjectionRows.parse(body);
  };
  const pathOf = (projection: string, table: string) =>
    `/projections/${projection}/rows?table=${table}&limit=500`;

  /** Reads a table at random, whatever position it shows just then. */
  const look = async () => {
    const { projection, table } = tables[Math.floor(random() * tables.length)]!;
    const path = pathOf(projection.name, table);
    const { asOf, rows, nextCursor } = await rowsAt(path);
    expect(nextCursor).toBeNull();
    seen.push({ path, position: asOf.position, rows });
  };

  const placesMin = 20;
  const placesSeen = () => new Set(seen.map(({ position }) => position)).size;

  /** Orders of every kind on both versions of the saga, some cancelled by their customers, watched meanwhile. */
  beforeAll(async () => {
    random = randomFrom(seed);
    shop = await openShop({ flags: { sagaVersion: '2', sagaRampPercent: '50' } });
    let running = true;
    const watching = (async () => {
      while (running) await look();
    })();
    for (let n = 0; n < 40 || placesSeen() < placesMin; n += 8) {
      const placed = Array.from({ length: 8 }, (_, k) => shop.place(orders[(n + k) % orders.length]));
      const ids = await Promise.all(placed);
      await Promise.all(ids.slice(0, 2).map((id) => shop.post(`/orders/${id}/cancel`)));
      await Promise.all(
        ids.map((id) =>
          until(
            () => shop.order(id),
            ({ endedAt }) => endedAt !== null,
          ),
        ),
      );
    }
    running = false;
    await watching;
  });
  afterAll(() => shop.end());

  it('are what the live read model said at that position', async () => {
    for (let n = 0; n < 15; n += 1) {
      const { path, position, rows } = seen[Math.floor(random() * seen.length)]!;
      const then = await rowsAt(`${path}&asOf=${position}`);
      expect({ path, ...then.asOf, rows: then.rows }).toEqual({ path, position, time: then.asOf.time, rows });
    }
  });

  it('are what the fold of the records up to that position gives, in memory', async () => {
    const records = await shop.recourse.log.readAll(0, 10_000);
    for (let n = 0; n < 15; n += 1) {
      const position = Math.floor(random() * (records.length + 1));
      const { projection, table } = tables[Math.floor(random() * tables.length)]!;
      const { columns, rows, asOf } = await rowsAt(`${pathOf(projection.name, table)}&asOf=${position}`);
      const times = columns.filter(({ type }) => type === 'time').map(({ name }) => name);
      const inMemory = foldedRecords(
        projection,
        records.slice(0, position),
      )(table).map((row) => ({
        ...row,
        ...Object.fromEntries(
          times.map((name) => [name, row[name] === null ? null : rfc3339(row[name] as number)]),
        ),
      }));
      const what = `${projection.name}.${table} at ${position}`;
      expect([what, asOf]).toEqual([
        what,
        {
          position: formatPosition(position),
          time: position === 0 ? null : rfc3339(records[position - 1]!.time),
        },
      ]);
      expect([what, sorted(rows)]).toEqual([what, sorted(inMemory)]);
    }
  });

  it('come as events while they are folded, and as a problem where they cannot be', async () => {
    const ask = async (path: string) => {
      const answer = await fetch(`${shop.url}${path}`, { headers: { accept: 'text/event-stream' } });
      return { type: answer.headers.get('content-type'), text: await answer.text() };
    };
    const head = await shop.recourse.log.head();
    const { type, text } = await ask(`/projections/stock/rows?asOf=${head - 1}`);
    expect(type).toContain('text/event-stream');
    const events = [...text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(([, event, data]) => [
      event,
      JSON.parse(data!),
    ]);
    const of = formatPosition(head - 1);
    expect(events[0]).toEqual(['progress', { position: formatPosition(0), of }]);
    expect(events.at(-2)).toEqual(['progress', { position: of, of }]);
    expect(events.at(-1)).toEqual(['rows', await rowsAt(`/projections/stock/rows?asOf=${head - 1}`)]);

    const refused = await ask(`/projections/stock/rows?asOf=${head + 1_000}`);
    expect(refused.type).toContain('application/problem+json');
    expect((JSON.parse(refused.text) as Problem).code).toBe('not-found');
  });

  it('are given up, with their files, when the caller hangs up', async () => {
    const folder = join(shop.dataDir, 'as-of');
    const caller = new AbortController();
    const position = (await shop.recourse.log.head()) - 11;
    const asked = fetch(`${shop.url}/projections/ledger/rows?asOf=${position}`, { signal: caller.signal });
    await new Promise((resolve) => setTimeout(resolve, 20));
    caller.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    // The server goes on as if nothing had been asked.
    expect((await rowsAt(`/projections/ledger/rows?asOf=${position}`)).asOf.position).toBe(
      formatPosition(position),
    );
    await shop.close();
    expect(existsSync(folder)).toBe(false);
    shop = await openShop({ dataDir: shop.dataDir });
  });
});

const sorted = (rows: readonly object[]) =>
  rows.map((row) => JSON.stringify(row, Object.keys(row).sort())).sort();
