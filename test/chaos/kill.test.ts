import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { Ledger, Order } from '@recourse/contracts/http';
import { ask } from '../http.ts';
import { type Server, startServer } from '../server.ts';
import { until, usualOrder } from '../shop.ts';
import { freePort } from '../stack/ports.ts';

/** How often the server is killed without a warning, and how many clients go on placing orders meanwhile. */
const kills = 20;
const clients = 16;
const asks = ['--ask-delays-ms', '100,200,300,400,500', '--call-ms-max', '300', '--slow-ms', '150'];
/** Half of the orders are charged at once, half authorised first. */
const bothVersions = ['--saga-version', '2', '--saga-ramp-percent', '50'];

const dataDir = await mkdtemp(join(tmpdir(), 'recourse-kill-'));
let server: Server | undefined;
afterAll(async () => {
  await server?.stop('SIGKILL');
  await rm(dataDir, { recursive: true, force: true });
});

/** Every way an order can go, in turn. */
const kinds = [
  {},
  { country: 'Atlantis' },
  { paymentToken: 'tok_declined' },
  { paymentToken: 'tok_answer_lost' },
  { country: 'ZZ-answer-lost' },
  { lines: [{ sku: 'SKU-B', quantity: 3, unitPrice: 100 }] },
  { paymentToken: 'tok_slow' },
  { country: 'ZZ-gone' },
  { paymentToken: 'tok_capture_answer_lost' },
  { paymentToken: 'tok_void_answer_lost', country: 'Atlantis' },
];

type Sent = { readonly key: string; readonly body: string; orderId?: string };

/** Posts until the server answers; a repeat has the same key, so it can never be a second order. */
const post = async (url: string, path: string, body: string, key: string) => {
  for (;;) {
    try {
      const answer = await ask(`${url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body,
        signal: AbortSignal.timeout(5_000),
      });
      const json = (await answer.json()) as Order;
      if (answer.status < 500) return { status: answer.status, json };
    } catch {
      // Killed in the middle: nobody knows what became of it, so it is asked again.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

describe('a server that is killed again and again while orders come in', () => {
  it('loses no acknowledged order, brings every one to its end, and lets nothing happen twice', async () => {
    const port = await freePort();
    const start = async () => {
      server = await startServer(dataDir, { port, args: [...asks, ...bothVersions] });
    };
    await start();
    const { url } = server!;
    for (const [sku, quantity] of [
      ['SKU-A', 100_000],
      ['SKU-B', 50],
    ] as const) {
      expect(
        (await post(url, `/inventory/${sku}/receipts`, JSON.stringify({ quantity }), `stock-${sku}`)).status,
      ).toBe(201);
    }

    const sent: Sent[] = [];
    let stopping = false;
    const client = async () => {
      while (!stopping) {
        const number = sent.length;
        const it: Sent = {
          key: `order-${number}`,
          body: JSON.stringify({ ...usualOrder, ...kinds[number % kinds.length] }),
        };
        sent.push(it);
        const { status, json } = await post(url, '/orders', it.body, it.key);
        expect([200, 202]).toContain(status);
        it.orderId = json.orderId;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const running = Promise.all(Array.from({ length: clients }, client));
    for (let kill = 0; kill < kills; kill += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100 + ((kill * 137) % 500)));
      await server!.stop('SIGKILL');
      await start();
    }
    stopping = true;
    await running;

    const ids = new Set(sent.map(({ orderId }) => orderId));
    expect(ids.size).toBe(sent.length);
    expect(ids.has(undefined)).toBe(false);
    for (const { orderId } of sent) {
      await until(
        async () => (await (await ask(`${url}/orders/${orderId}`)).json()) as Order,
        ({ endedAt }) => endedAt !== null,
        60_000,
      );
    }
    const again = await post(url, '/orders', sent[0]!.body, sent[0]!.key);
    expect([again.status, again.json.orderId]).toEqual([200, sent[0]!.orderId]);

    const ledger = (await (await ask(`${url}/ledger`)).json()) as Ledger;
    expect(ledger.violations).toEqual([]);
    expect(ledger.orders).toMatchObject({ open: 0 });
    expect(ledger.orders.completed + ledger.orders.cancelled).toBe(sent.length);
    await server!.stop();
    server = undefined;
    nothingHappenedTwice(dataDir, sent.length);
  }, 240_000);
});

/** Reads the books as the provider and the carrier would: one charge, one authorisation and one parcel an order at most. */
const nothingHappenedTwice = (folder: string, orders: number) => {
  const most = (file: string, table: string) => {
    const books = new DatabaseSync(join(folder, 'simulated', file), { readOnly: true });
    const { entries, distinct } = books
      .prepare(`SELECT count(*) AS entries, count(DISTINCT orderId) AS "distinct" FROM ${table}`)
      .get() as { entries: number; distinct: number };
    books.close();
    expect(entries).toBe(distinct);
    expect(entries).toBeLessThanOrEqual(orders);
  };
  most('gateway.db', 'charges');
  most('gateway.db', 'authorizations');
  most('carrier.db', 'shipments');
};
