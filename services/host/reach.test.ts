import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { openShop, type Shop } from '../../test/shop.ts';
import { freePort } from '../../test/stack/ports.ts';
import { type Reached, reach } from './reach.ts';

let parent: string;
let stopped: string;
let completed: string;
let open: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'recourse-reach-'));
  stopped = join(parent, 'stopped');
  // The slow one stays open, however busy the machine is.
  const flags = { slowMs: '60000', callMsMax: '300', askDelaysMs: '60000' };
  const shop = await openShop({ flags });
  completed = (await shop.placeAndWait()).orderId;
  open = await shop.place({ paymentToken: 'tok_slow' });
  await shop.close();
  await cp(shop.dataDir, stopped, { recursive: true });
  await shop.end();
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const reached = async (...args: Parameters<typeof reach>): Promise<Reached> => {
  const it = await reach(...args);
  ends.push(it.close);
  return it;
};

const running = async (options: Parameters<typeof openShop>[0] = {}): Promise<Shop> => {
  const shop = await openShop(options);
  ends.push(shop.end);
  return shop;
};

/** A copy of the folder in which nothing runs. */
const copy = async (name: string): Promise<string> => {
  const folder = join(parent, name);
  await cp(stopped, folder, { recursive: true });
  return folder;
};

const nowhere = { PORT: '1' };
const receipt = { body: { quantity: 1 } };

/** What the files that a reader must not change hold; a write-ahead log that is there but empty holds nothing. */
const sums = async (folder: string) => {
  const files = (await readdir(folder)).filter((name) => /^(log|delivery|timers)\.db(-wal)?$/.test(name));
  const read = await Promise.all(
    files.map(async (name) => [name, await readFile(join(folder, name))] as const),
  );
  return read
    .filter(([, bytes]) => bytes.length > 0)
    .map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]);
};

describe('a command finds where to ask', () => {
  it('at the server that holds the data folder, whatever its port', async () => {
    const shop = await running();
    for (const where of [{ dataDir: shop.dataDir }, { url: shop.url }]) {
      const { how, running, client } = await reached(nowhere, where);
      expect({ how, running }).toEqual({ how: `From the server at ${shop.url}.`, running: true });
      expect((await client.ask('GET', '/health/ready')).status).toBe(200);
    }
    const { how } = await reached({ ...nowhere, DATA_DIR: shop.dataDir }, {});
    expect(how).toBe(`From the server at ${shop.url}.`);
    expect((await reached({ RECOURSE_URL: shop.url, DATA_DIR: stopped }, {})).how).toContain(shop.url);
  });

  it('at the usual address where nobody holds the folder, and in the folder where nobody answers there', async () => {
    const port = String(await freePort());
    const shop = await running({ flags: { port } });
    expect((await reached({ PORT: port, DATA_DIR: stopped }, {})).how).toContain(shop.url);
    const folder = await copy('usual');
    const { how, running: runs } = await reached({ ...nowhere, DATA_DIR: folder }, {});
    expect({ how, runs }).toEqual({
      how: `From the data folder ${folder} (no server runs there).`,
      runs: false,
    });
    expect((await reached({ PORT: port }, { dataDir: await copy('named') })).running).toBe(false);
  });

  it('in the folder of a server that was killed, although its note still says where it listened', async () => {
    const folder = await copy('killed');
    const shop = await running();
    const note = { pid: 1, host: '127.0.0.1', port: new URL(shop.url).port, since: 'before' };
    await writeFile(join(folder, 'lock.json'), JSON.stringify(note));
    expect((await reached({}, { dataDir: folder })).running).toBe(false);
  });

  it('in a folder that another command reads, once that is done', async () => {
    const folder = await copy('shared');
    const first = await reached({}, { dataDir: folder });
    const second = reached({}, { dataDir: folder });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await first.close();
    expect((await (await second).client.ask('GET', `/orders/${completed}`)).status).toBe(200);
  });

  it('and says what to do where there is nothing', async () => {
    const none = join(parent, 'none');
    const refused = (environment: Record<string, string>, where: Parameters<typeof reach>[1]) =>
      expect(reach(environment, where)).rejects;
    await refused({ ...nowhere, DATA_DIR: none }, {}).toMatchObject({
      code: 'no-server',
      message: expect.stringMatching(
        /^No Recourse server answers at http:\/\/127\.0\.0\.1:1 \(.+\), and the data folder .+\/none holds no log\. .*--url.*--data-dir/,
      ),
    });
    await refused({}, { dataDir: none }).toMatchObject({ code: 'no-log' });
    await refused({}, { dataDir: none, url: 'http://127.0.0.1:1' }).toMatchObject({ code: 'invalid-flag' });
    expect(await readdir(parent)).not.toContain('none');
  });
});

describe('a data folder that is open for reading', () => {
  it('answers as its server did, and nothing in log, deliveries and timers is changed', async () => {
    const folder = await copy('same');
    const before = await sums(folder);
    const { client, close } = await reached({}, { dataDir: folder });
    expect((await client.ask('GET', `/orders/${completed}`)).body).toMatchObject({ state: 'completed' });
    expect((await client.ask('GET', `/orders/${open}`)).body).toMatchObject({ state: 'open' });
    expect((await client.ask('GET', '/ledger')).body).toMatchObject({ violations: [], orders: { open: 1 } });
    expect((await client.ask('GET', `/sagas/${completed}/history`)).body).toMatchObject({
      sagaId: completed,
    });
    expect((await client.ask('GET', '/dead-letters')).body).toEqual({ items: [], nextCursor: null });
    for (const [path, request] of [
      ['/orders', { body: orderAsked }],
      [`/orders/${open}/cancel`, {}],
      [`/sagas/${open}/retry`, {}],
      ['/inventory/SKU-A/receipts', receipt],
    ] as const) {
      const { status, body } = await client.send('POST', path, request);
      expect({ path, status, body }).toMatchObject({ path, status: 503, body: { code: 'read-only' } });
    }
    expect((await client.send('GET', '/health/ready')).status).toBe(503);
    await close();
    expect(await sums(folder)).toEqual(before);

    const shop = await running({ dataDir: folder, flags: { askDelaysMs: '60000' } });
    expect((await shop.order(open)).state).toBe('open');
  });

  it('says which record is damaged to who needs it, and answers the others', async () => {
    const folder = await copy('flipped');
    const position = change(folder, (db) => {
      const { position } = db
        .prepare(
          `select r.position from records r join types t on t.id = r.type where t.name = 'PaymentProcessed'`,
        )
        .get() as { position: number };
      db.prepare(`update records set data = replace(data, 'GBP', 'GBQ') where position = ?`).run(position);
      return position;
    });
    const { client } = await reached({}, { dataDir: folder });
    expect((await client.send('GET', `/orders/${completed}`)).body).toMatchObject({
      status: 503,
      code: 'unavailable',
      detail: expect.stringContaining(`record ${position} (payment-${completed} 1, PaymentProcessed)`),
    });
    expect((await client.ask('GET', `/orders/${open}`)).status).toBe(200);
    expect((await client.ask('GET', '/orders')).status).toBe(200);
  });

  it('opens where the end of the log is lost, and where the file is no database any more', async () => {
    const cut = await copy('cut');
    change(cut, (db) => db.exec('delete from records where position = (select max(position) from records)'));
    const { client } = await reached({}, { dataDir: cut });
    expect((await client.send('GET', '/health/ready')).body).toMatchObject({
      detail: expect.stringMatching(/records after position \d+ are missing/),
    });
    expect((await client.ask('GET', `/orders/${completed}`)).status).toBe(200);

    const noise = await copy('noise');
    await writeFile(join(noise, 'log.db'), 'This was a log once. '.repeat(1_000));
    const second = await reached({}, { dataDir: noise });
    for (const path of [`/orders/${completed}`, `/sagas/${completed}/history`, '/projections', '/orders']) {
      const { body } = await second.client.send('GET', path);
      expect(body).toMatchObject({
        code: 'unavailable',
        detail: 'the log is damaged: file is not a database',
      });
    }
  });
});

const orderAsked = {
  currency: 'GBP',
  country: 'United Kingdom',
  paymentToken: 'tok_accepted',
  lines: [{ sku: 'SKU-A', quantity: 1, unitPrice: 250 }],
};

/** Writes into a log that nobody holds. */
const change = <T>(folder: string, write: (db: DatabaseSync) => T): T => {
  const db = new DatabaseSync(join(folder, 'log.db'));
  try {
    return write(db);
  } finally {
    db.close();
  }
};
