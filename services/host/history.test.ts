import { cp, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CloudEvent } from '@recourse/contracts/envelope';
import type { History } from '@recourse/contracts/http';
import { openShop, type Shop, usualOrder } from '../../test/shop.ts';
import { storyTeller } from './story.ts';
import { runRecourse } from './testing/run-recourse.ts';

const twoLines = [
  { sku: 'SKU-A', quantity: 2, unitPrice: 250 },
  { sku: 'SKU-B', quantity: 1, unitPrice: 250 },
];

/** Only an answer that is lost is asked for again. */
const flags = { askDelaysMs: '2000,2000' };

let shop: Shop;
beforeAll(async () => {
  shop = await openShop({ flags });
});
afterAll(() => shop?.end());

const historyOf = async (orderId: string): Promise<readonly CloudEvent[]> =>
  (await shop.get(`/sagas/${orderId}/history`)).body.events;

const told = (events: readonly CloudEvent[]) =>
  storyTeller()
    .tell(events)
    .map(({ number, who, name, kind, cause }) => {
      const line = `${number} ${who} ${kind === 'command' ? '→ ' : ''}${name}`;
      return `${line} ${cause === undefined ? 'by a caller' : `of ${cause}`}`;
    });

describe('the story of an order', () => {
  it('says of each line what caused it, across all streams, what was moved in the stock included', async () => {
    const { orderId } = await shop.placeAndWait({ lines: twoLines, country: 'Atlantis' });
    const lines = told(await historyOf(orderId));
    const took = ['stock-SKU-A StockTaken', 'stock-SKU-B StockTaken'];
    const returned = took.map((text) => text.replace('Taken', 'Returned'));
    expect(
      lines
        .filter((line) => line.includes('StockTaken'))
        .map((line) => line.slice(2).trim())
        .sort(),
    ).toEqual(took.map((text) => `${text} of 7`));
    const rest = lines.filter((line) => !line.includes(' Stock'));
    expect(rest.slice(0, 8)).toEqual([
      '1 order OrderCreated by a caller',
      '2 saga SagaAdvanced of 1',
      '3 payment → ProcessPayment of 2',
      '4 payment PaymentStarted of 3',
      '5 payment PaymentProcessed of 3',
      '6 saga SagaAdvanced of 5',
      '7 inventory → ReserveInventory of 6',
      '8 inventory ReservationStarted of 7',
    ]);
    const release = lines.findIndex((line) => line.includes('→ ReleaseInventory')) + 1;
    expect(
      lines
        .filter((line) => line.includes('StockReturned'))
        .map((line) => line.slice(3))
        .sort(),
    ).toEqual(returned.map((text) => `${text} of ${release}`));
    expect(lines.at(-1)).toMatch(/ saga SagaAdvanced of \d+$/);
  });

  it('holds what was taken and given back where the stock did not suffice for all', async () => {
    // Both see enough on the shelf; one of them is refused by the shelf itself.
    const lines = [
      { sku: 'SKU-A', quantity: 1, unitPrice: 250 },
      { sku: 'SKU-B', quantity: 3, unitPrice: 250 },
    ];
    const orders = await Promise.all([1, 2, 3].map(() => shop.placeAndWait({ lines })));
    for (const { orderId } of orders) {
      const events = await historyOf(orderId);
      const moved = events.filter(({ type }) => type.startsWith('Stock'));
      const started = events.some(({ type }) => type === 'ReservationStarted');
      const kept = events.some(({ type }) => type === 'InventoryReserved');
      const taken = moved.filter(({ type }) => type === 'StockTaken').length;
      const returned = moved.filter(({ type }) => type === 'StockReturned').length;
      expect({ taken, returned }).toEqual(
        kept ? { taken: 2, returned: 0 } : { taken: returned === 0 ? 0 : taken, returned: started ? 2 : 0 },
      );
      expect(moved.every(({ subject }) => subject === orderId)).toBe(true);
    }
  });

  it('tells no effect before its cause, in whatever order the events come', async () => {
    const { orderId } = await shop.placeAndWait({ paymentToken: 'tok_answer_lost' });
    const events = await historyOf(orderId);
    const inOrder = storyTeller().tell(events);
    expect(inOrder.map(({ time }) => time)).toEqual(inOrder.map(({ time }) => time).sort((a, b) => a - b));
    for (const mixed of [events.toReversed(), events.toSorted((a, b) => (a.id < b.id ? -1 : 1))]) {
      const lines = storyTeller().tell(mixed);
      expect(lines).toHaveLength(inOrder.length);
      for (const { number, cause } of lines) expect(cause ?? 0).toBeLessThan(number);
      expect(lines.filter(({ cause }) => cause === undefined).map(({ name }) => name)).toEqual([
        'OrderCreated',
      ]);
    }
  });
});

describe('recourse history', () => {
  it('prints the same from the server and from the folder', async () => {
    const { orderId } = await shop.placeAndWait({ lines: twoLines });
    const copy = `${shop.dataDir}-copy`;
    const args = ['history', orderId];
    const served = await runRecourse([...args, '--url', shop.url]);
    const json = await runRecourse([...args, '--url', shop.url, '--json']);
    await shop.close();
    await cp(shop.dataDir, copy, { recursive: true });
    shop = await openShop({ dataDir: shop.dataDir, flags });
    const read = await runRecourse([...args, '--data-dir', copy]);
    const readJson = await runRecourse([...args, '--data-dir', copy, '--json']);
    await rm(copy, { recursive: true });

    expect(served).toMatchObject({ code: 0, stderr: expect.stringMatching(/^From the server at /) });
    expect(read).toEqual({
      code: 0,
      stdout: served.stdout,
      stderr: `From the data folder ${copy} (no server runs there).\n`,
    });
    expect(readJson.stdout).toBe(json.stdout);
    expect((JSON.parse(json.stdout) as History).events).toEqual(await historyOf(orderId));
    expect(served.stdout).toMatch(/^ +# +time +since +who +event or command +because of/);
    expect(served.stdout).toMatch(/ 3 +\S+Z +\+\d+\.\d{3} s +payment +→ ProcessPayment +#2 +7\.50 GBP/);
    expect(served.stdout).toMatch(/\n\d+ events in \d+\.\d{3} s\n$/);
  });

  it('follows an order until its saga ends, each line once', async () => {
    const orderId = await shop.place({ ...usualOrder, paymentToken: 'tok_slow' });
    const { code, stdout } = await runRecourse(['history', orderId, '--follow', '--json', '--url', shop.url]);
    expect(code).toBe(0);
    const events: CloudEvent[] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toEqual(await historyOf(orderId));
    expect(events.at(-1)?.data).toMatchObject({ state: { status: 'done' } });
  });

  it('says that nothing more happens where it follows an open order and no server runs', async () => {
    const slow = await openShop({ flags: { slowMs: '60000', callMsMax: '300', askDelaysMs: '60000' } });
    const completed = (await slow.placeAndWait()).orderId;
    const open = await slow.place({ paymentToken: 'tok_slow' });
    await slow.close();
    const followed = (id: string) => runRecourse(['history', id, '--follow', '--data-dir', slow.dataDir]);
    const { code, stdout, stderr } = await followed(open);
    const ended = await followed(completed);
    await slow.end();
    expect(code).toBe(0);
    expect(stdout).toContain('OrderCreated');
    expect(stderr).toMatch(/No server runs there: nothing more happens until one does\.\n$/);
    expect(ended).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^From the data folder [^\n]+\n$/),
    });
  });

  it('says that there is no such order', async () => {
    const { code, stdout, stderr } = await runRecourse([
      'history',
      '019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f',
      '--url',
      shop.url,
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('(not-found): Saga 019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f does not exist.');
  });
});
