import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { orderStream, type StreamName, stockStream } from '@recourse/contracts/streams';
import { pausingLog } from '../../test/faulty-logs.ts';
import { openShop, orderId, participant, sku } from '../../test/inventory-shop.ts';

let shop: Awaited<ReturnType<typeof openShop>>;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop.close();
});

const stock = (name: string): StreamName => stockStream(sku(name));

describe('a taker that was paused', () => {
  it('before its append, takes no more once its reservation was given back', async () => {
    const order = orderId('paused before');
    const other = participant(shop.log);
    await other.stockIn('pb-x', 5);
    await other.stockIn('pb-y', 5);
    const paused = pausingLog(shop.log, stock('pb-x'), 'before');
    const taking = participant(paused.log).reserve(order, { 'pb-x': 2, 'pb-y': 1 });
    await paused.reached;
    await other.release(order);
    paused.goOn();
    await taking;
    expect(await shop.told(order)).toEqual(['ReservationStarted', 'ReleaseStarted', 'InventoryReleased']);
    expect(await shop.stockOf('pb-x')).toEqual(['received 5 → 5', 'returned 0 → 5']);
    expect(await shop.stockOf('pb-y')).toEqual(['received 5 → 5', 'taken 1 → 4', 'returned 1 → 5']);
  });

  it('after its append, finds that what it took was given back', async () => {
    const order = orderId('paused after');
    const other = participant(shop.log);
    await other.stockIn('pa', 5);
    const paused = pausingLog(shop.log, stock('pa'), 'after');
    const taking = participant(paused.log).reserve(order, { pa: 2 });
    await paused.reached;
    await other.release(order);
    paused.goOn();
    await taking;
    expect(await shop.told(order)).toEqual(['ReservationStarted', 'ReleaseStarted', 'InventoryReleased']);
    expect(await shop.stockOf('pa')).toEqual(['received 5 → 5', 'taken 2 → 3', 'returned 2 → 5']);
  });

  it('meets a receipt and tries again at the new head', async () => {
    const order = orderId('paused receipt');
    const other = participant(shop.log);
    await other.stockIn('pr', 5);
    const paused = pausingLog(shop.log, stock('pr'), 'before');
    const taking = participant(paused.log).reserve(order, { pr: 5 });
    await paused.reached;
    await other.stockIn('pr', 3, 'pr 2');
    paused.goOn();
    await taking;
    expect(await shop.told(order)).toEqual(['ReservationStarted', 'InventoryReserved']);
    expect(await shop.stockOf('pr')).toEqual(['received 5 → 5', 'received 3 → 8', 'taken 5 → 3']);
  });

  it('finds that its command was carried out by another process', async () => {
    const order = orderId('paused twin');
    const other = participant(shop.log);
    await other.stockIn('pt', 5);
    const paused = pausingLog(shop.log, stock('pt'), 'before');
    const taking = participant(paused.log).reserve(order, { pt: 2 });
    await paused.reached;
    await other.reserve(order, { pt: 2 });
    await other.stockIn('pt', 1, 'pt 2');
    paused.goOn();
    await taking;
    expect(await shop.told(order)).toEqual(['ReservationStarted', 'InventoryReserved']);
    expect(await shop.stockOf('pt')).toEqual(['received 5 → 5', 'taken 2 → 3', 'received 1 → 4']);
  });

  it('meets a shortage, gives back to every SKU, and says which was short', async () => {
    const order = orderId('paused short');
    const other = participant(shop.log);
    await other.stockIn('ps-x', 5);
    await other.stockIn('ps-y', 5);
    const paused = pausingLog(shop.log, stock('ps-x'), 'before');
    const taking = participant(paused.log).reserve(order, { 'ps-x': 2, 'ps-y': 1 });
    await paused.reached;
    await other.reserve(orderId('faster'), { 'ps-x': 4 });
    paused.goOn();
    await taking;
    expect(await shop.told(order)).toEqual(['ReservationStarted', 'ReleaseStarted', 'InventoryFailed']);
    expect(await shop.stockOf('ps-x')).toEqual(['received 5 → 5', 'taken 4 → 1', 'returned 0 → 1']);
    expect(await shop.stockOf('ps-y')).toEqual(['received 5 → 5', 'taken 1 → 4', 'returned 1 → 5']);
  });

  it('is released in the same process behind its own take', async () => {
    const order = orderId('paused own');
    const paused = pausingLog(shop.log, stock('po'), 'before');
    await participant(shop.log).stockIn('po', 5);
    const inventory = participant(paused.log);
    const taking = inventory.reserve(order, { po: 2 });
    await paused.reached;
    const releasing = inventory.release(order);
    paused.goOn();
    await Promise.all([taking, releasing]);
    expect((await shop.told(order)).at(-1)).toBe('InventoryReleased');
    expect(await shop.stockOf('po')).toEqual(['received 5 → 5', 'taken 2 → 3', 'returned 2 → 5']);
  });
});

describe('a release', () => {
  it('by a process that remembers the reservation as complete returns nothing a second time', async () => {
    const order = orderId('stale release');
    const stale = participant(shop.log);
    const other = participant(shop.log);
    await stale.stockIn('sr', 5);
    await stale.reserve(order, { sr: 2 });
    await other.release(order);
    // By this the stale one learns the head behind the return, but not what became of the order.
    await stale.stockIn('sr', 1, 'sr 2');
    await stale.release(order);
    await stale.reserve(order, { sr: 2 });
    expect(await shop.told(order)).toEqual([
      'ReservationStarted',
      'InventoryReserved',
      'ReleaseStarted',
      'InventoryReleased',
    ]);
    expect(await shop.stockOf('sr')).toEqual([
      'received 5 → 5',
      'taken 2 → 3',
      'returned 2 → 5',
      'received 1 → 6',
    ]);
  });
});

describe('a stale memory', () => {
  it('of a SKU that ran out since the reservation began looks again before it says so', async () => {
    const order = orderId('look again');
    const other = participant(shop.log);
    const paused = pausingLog(shop.log, orderStream('inventory', order), 'after');
    const inventory = participant(paused.log);
    await inventory.stockIn('la', 5);
    const taking = inventory.reserve(order, { la: 5 });
    await paused.reached;
    await inventory.reserve(orderId('look again 2'), { la: 5 });
    await other.stockIn('la', 5, 'la 2');
    paused.goOn();
    await taking;
    expect(await shop.told(order)).toEqual(['ReservationStarted', 'InventoryReserved']);
    expect(await shop.stockOf('la')).toEqual([
      'received 5 → 5',
      'taken 5 → 0',
      'received 5 → 5',
      'taken 5 → 0',
    ]);
  });

  it('of stock neither oversells nor refuses what is there', async () => {
    const stale = participant(shop.log);
    const other = participant(shop.log);
    await stale.stockIn('sm', 5);
    await other.reserve(orderId('sm 1'), { sm: 5 });
    await stale.reserve(orderId('sm 2'), { sm: 1 });
    expect((await shop.told(orderId('sm 2'))).at(-1)).toBe('InventoryFailed');
    await other.stockIn('sm', 2, 'sm 2');
    await stale.reserve(orderId('sm 3'), { sm: 2 });
    expect((await shop.told(orderId('sm 3'))).at(-1)).toBe('InventoryReserved');
    expect(await stale.stockOf(sku('sm'))).toMatchObject({ onHand: 0 });
  });
});
