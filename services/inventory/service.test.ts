import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { orderStream } from '@recourse/contracts/streams';
import { countingLog, failingFrom, pausingLog } from '../../test/faulty-logs.ts';
import { openShop, orderId, participant, receiptId, releaseMessage, sku } from '../../test/inventory-shop.ts';
import { ReceiptReusedError } from './service.ts';

let shop: Awaited<ReturnType<typeof openShop>>;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop.close();
});

describe('the inventory participant', () => {
  it('takes from each SKU what an order asks, and answers InventoryReserved', async () => {
    const inventory = participant(shop.log);
    const order = orderId('plain');
    await inventory.stockIn('plain-a', 5);
    await inventory.stockIn('plain-b', 1);
    await inventory.reserve(order, { 'plain-a': 2, 'plain-b': 1 });
    expect(await shop.told(order)).toEqual(['ReservationStarted', 'InventoryReserved']);
    expect(await shop.stockOf('plain-a')).toEqual(['received 5 → 5', 'taken 2 → 3']);
    expect(await shop.stockOf('plain-b')).toEqual(['received 1 → 1', 'taken 1 → 0']);
    expect(await inventory.stockOf(sku('plain-a'))).toMatchObject({ onHand: 3, revision: 1 });
  });

  it('names the command and the order in all it writes', async () => {
    const inventory = participant(shop.log);
    const order = orderId('named');
    await inventory.stockIn('named', 5);
    const before = await shop.log.head();
    await inventory.reserve(order, { named: 2 });
    await inventory.release(order);
    const written = await shop.log.readAll(before, 100);
    expect(new Set(written.map(({ correlation }) => correlation))).toEqual(new Set([order]));
    const { id } = releaseMessage(order);
    expect(written.filter(({ causation }) => causation === id).map(({ type }) => type)).toEqual([
      'ReleaseStarted',
      'StockReturned',
      'InventoryReleased',
    ]);
  });

  it('gives all back on ReleaseInventory', async () => {
    const inventory = participant(shop.log);
    const order = orderId('back');
    await inventory.stockIn('back-a', 5);
    await inventory.stockIn('back-b', 5);
    await inventory.reserve(order, { 'back-a': 2, 'back-b': 5 });
    await inventory.release(order);
    expect(await shop.told(order)).toEqual([
      'ReservationStarted',
      'InventoryReserved',
      'ReleaseStarted',
      'InventoryReleased',
    ]);
    expect(await shop.stockOf('back-b')).toEqual(['received 5 → 5', 'taken 5 → 0', 'returned 5 → 5']);
  });

  it('fails at once and touches no stock where a SKU is short or unknown', async () => {
    const inventory = participant(shop.log);
    const order = orderId('short');
    await inventory.stockIn('short-a', 5);
    await inventory.stockIn('short-b', 1);
    await inventory.reserve(order, { 'short-a': 2, 'short-b': 2, 'short-c': 1 });
    const [failed] = await shop.log.readStream(orderStream('inventory', order));
    expect(failed).toMatchObject({
      type: 'InventoryFailed',
      data: {
        shortages: [
          { sku: 'short-b', requested: 2, onHand: 1, reason: 'insufficient-stock' },
          { sku: 'short-c', requested: 1, onHand: 0, reason: 'unknown-sku' },
        ],
      },
    });
    expect(await shop.stockOf('short-a')).toEqual(['received 5 → 5']);
    await inventory.release(order);
    expect(await shop.told(order)).toEqual(['InventoryFailed', 'InventoryReleased']);
    expect(await shop.stockOf('short-c')).toEqual([]);
  });

  it('leaves a tombstone where nothing was reserved, which refuses a late ReserveInventory', async () => {
    const inventory = participant(shop.log);
    const order = orderId('tombstone');
    await inventory.stockIn('tombstone', 5);
    await inventory.release(order);
    await inventory.reserve(order, { tombstone: 1 });
    await participant(shop.log).reserve(order, { tombstone: 1 });
    expect(await shop.told(order)).toEqual(['InventoryReleased']);
    expect(await shop.stockOf('tombstone')).toEqual(['received 5 → 5']);
  });

  it('decides nothing on repeats, however late they come', async () => {
    const inventory = participant(shop.log);
    const order = orderId('repeat');
    await inventory.stockIn('repeat', 5);
    await inventory.reserve(order, { repeat: 1 });
    const fresh = () => participant(shop.log);
    await inventory.reserve(order, { repeat: 1 });
    await fresh().reserve(order, { repeat: 1 });
    expect(await shop.stockOf('repeat')).toHaveLength(2);
    await inventory.release(order);
    const end = await shop.log.head();
    await inventory.release(order);
    await inventory.reserve(order, { repeat: 1 });
    await fresh().release(order);
    await fresh().reserve(order, { repeat: 1 });
    expect(await shop.log.head()).toBe(end);
  });

  it('reads nothing where it remembers, and appends once for each record', async () => {
    const { log, counts } = countingLog(shop.log);
    const inventory = participant(log);
    for (const name of ['warm-a', 'warm-b', 'warm-c']) await inventory.stockIn(name, 1_000);
    const before = { ...counts };
    await inventory.reserve(orderId('warm'), { 'warm-a': 1, 'warm-b': 1, 'warm-c': 1 });
    expect(counts).toEqual({ ...before, appends: before.appends + 5, stockAppends: before.stockAppends + 3 });
    await inventory.release(orderId('warm'));
    expect(counts.reads).toBe(before.reads);
  });

  it('joins what waits for a hot SKU', async () => {
    const { log, counts } = countingLog(shop.log);
    const inventory = participant(log);
    await inventory.stockIn('hot', 1_000);
    const orders = Array.from({ length: 200 }, (_, index) => orderId(`hot ${index}`));
    const before = { ...counts };
    await Promise.all(orders.map((order) => inventory.reserve(order, { hot: 1 })));
    expect(counts.stockAppends - before.stockAppends).toBe(1);
    await Promise.all(orders.map((order) => inventory.release(order)));
    expect(counts.stockAppends - before.stockAppends).toBe(2);
    expect(counts.reads).toBe(before.reads);
    expect(await inventory.stockOf(sku('hot'))).toMatchObject({ onHand: 1_000, revision: 400 });
  });

  it('puts no more into one append than it may, and leaves nobody waiting', async () => {
    const { log, counts } = countingLog(shop.log);
    const inventory = participant(log, { skuBatchMax: 7 });
    await inventory.stockIn('batch', 40);
    const before = counts.stockAppends;
    const orders = Array.from({ length: 50 }, (_, index) => orderId(`batch ${index}`));
    await Promise.all(orders.map((order) => inventory.reserve(order, { batch: 1 })));
    expect(counts.stockAppends - before).toBeGreaterThanOrEqual(6);
    const ends = await Promise.all(orders.map(async (order) => (await shop.told(order)).at(-1)));
    expect(ends.filter((type) => type === 'InventoryReserved')).toHaveLength(40);
    expect(ends.filter((type) => type === 'InventoryFailed')).toHaveLength(10);
    expect(await inventory.stockOf(sku('batch'))).toMatchObject({ onHand: 0 });
  });

  it('reads nothing while what is under way together takes many appends', async () => {
    const { log, counts } = countingLog(shop.log);
    const inventory = participant(log, { skuBatchMax: 7 });
    await inventory.stockIn('many', 50);
    const before = counts.reads;
    const orders = Array.from({ length: 50 }, (_, index) => orderId(`many ${index}`));
    await Promise.all(orders.map((order) => inventory.reserve(order, { many: 1 })));
    await Promise.all(orders.map((order) => inventory.release(order)));
    expect(counts.reads).toBe(before);
    expect(await inventory.stockOf(sku('many'))).toMatchObject({ onHand: 50, revision: 100 });
  });

  it('reads nothing where it has itself written what came between', async () => {
    const order = orderId('between');
    const { log, counts } = countingLog(shop.log);
    const paused = pausingLog(log, orderStream('inventory', order), 'after');
    const inventory = participant(paused.log);
    await inventory.stockIn('between', 5);
    const before = counts.reads;
    const taking = inventory.reserve(order, { between: 1 });
    await paused.reached;
    await inventory.reserve(orderId('between 2'), { between: 1 });
    paused.goOn();
    await taking;
    expect(counts.reads).toBe(before);
    expect(await shop.stockOf('between')).toEqual(['received 5 → 5', 'taken 1 → 4', 'taken 1 → 3']);
  });

  it('refuses what its topic does not carry', async () => {
    const message = { ...releaseMessage(orderId('stray')), type: 'CancelShipment' as const };
    await expect(participant(shop.log).group.handle(message)).rejects.toThrow(
      'does not carry CancelShipment',
    );
  });
});

describe('receipts', () => {
  it('make a SKU known, for ever', async () => {
    const inventory = participant(shop.log);
    expect(await inventory.isKnown(sku('new'))).toBe(false);
    expect(await inventory.stockOf(sku('new'))).toBeUndefined();
    expect(await inventory.stockIn('new', 1)).toEqual({ onHand: 1, revision: 0 });
    await inventory.reserve(orderId('new'), { new: 1 });
    expect(await inventory.isKnown(sku('new'))).toBe(true);
    expect(await participant(shop.log).isKnown(sku('new'))).toBe(true);
  });

  it('make known a SKU that another process had looked for in vain', async () => {
    const looking = participant(shop.log);
    await expect(looking.stockIn('found', 2, 'other')).resolves.toEqual({ onHand: 2, revision: 0 });
    const late = participant(shop.log);
    expect(await late.isKnown(sku('sought'))).toBe(false);
    await late.reserve(orderId('sought 1'), { sought: 1 });
    await looking.stockIn('sought', 2);
    expect(await late.isKnown(sku('sought'))).toBe(true);
    await late.reserve(orderId('sought 2'), { sought: 1 });
    expect((await shop.told(orderId('sought 1'))).at(-1)).toBe('InventoryFailed');
    expect((await shop.told(orderId('sought 2'))).at(-1)).toBe('InventoryReserved');
  });

  it('make known a SKU whose first receipt had failed here', async () => {
    const failing = participant(failingFrom(shop.log, 0, false).log);
    await expect(failing.stockIn('failed', 2)).rejects.toThrow('failed');
    expect(await failing.isKnown(sku('failed'))).toBe(false);
    await participant(shop.log).stockIn('failed', 2);
    expect(await failing.isKnown(sku('failed'))).toBe(true);
  });

  it('answer a repeat what they answered first, however much came between', async () => {
    const inventory = participant(shop.log);
    const first = await inventory.stockIn('twice', 5);
    for (let n = 0; n < 3; n += 1)
      await Promise.all(
        Array.from({ length: 400 }, (_, index) => inventory.stockIn('twice', 1, `twice ${n} ${index}`)),
      );
    expect(await inventory.stockIn('twice', 5)).toEqual(first);
    expect(await participant(shop.log).stockIn('twice', 5)).toEqual(first);
    const last = await participant(shop.log).stockIn('twice', 1, 'twice 2 399');
    expect(last.revision).toBeGreaterThan(800);
    expect(await inventory.stockOf(sku('twice'))).toMatchObject({ onHand: 1_205, revision: 1_200 });
  });

  it('are recorded once when they come twice at the same time, also for a SKU not yet known', async () => {
    const inventory = participant(shop.log);
    const other = participant(shop.log);
    const answers = await Promise.all([
      inventory.stockIn('both', 5),
      inventory.stockIn('both', 5),
      other.stockIn('both', 5),
      inventory.stockIn('both', 1, 'both 2'),
    ]);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    expect(await inventory.stockOf(sku('both'))).toMatchObject({ onHand: 6, revision: 1 });
  });

  it('refuse an id that stands for something else', async () => {
    const inventory = participant(shop.log);
    await inventory.stockIn('mug', 5);
    await expect(inventory.stockIn('mug', 6)).rejects.toThrow(ReceiptReusedError);
    const wrong = inventory.receive({ receiptId: receiptId('mug'), sku: sku('jug'), quantity: 5 });
    await expect(wrong).rejects.toMatchObject({ recorded: { sku: 'mug', quantity: 5 } });
    expect(await shop.stockOf('mug')).toEqual(['received 5 → 5']);
    expect(await inventory.isKnown(sku('jug'))).toBe(false);
  });
});
