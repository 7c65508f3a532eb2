import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import { stockStream } from '@recourse/contracts/streams';
import { UnavailableError } from '@recourse/infra/errors';
import type { EventLog, NewEvent } from '@recourse/infra/ports/event-log';
import { failingFrom } from '../../test/faulty-logs.ts';
import { audit, openShop, orderId, participant, receiptId, sku } from '../../test/inventory-shop.ts';

let shop: Awaited<ReturnType<typeof openShop>>;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop.close();
});

type Participant = ReturnType<typeof participant>;
type Scene = {
  readonly order: OrderId;
  readonly cup: string;
  readonly pot: string;
  /** Who does it, over a log that fails; asked for what it remembers before the log begins to fail. */
  readonly crashing: Participant;
  readonly other: Participant;
};

/** Runs an act with a crash at its n-th append, for every n and both outcomes, and then what comes after. */
const atEveryAppend = async (
  name: string,
  prepare: (scene: Scene) => Promise<unknown>,
  act: (scene: Scene) => Promise<unknown>,
  after: (scene: Scene) => Promise<unknown>,
): Promise<number> => {
  for (let n = 0; ; n += 1) {
    for (const nthIsStored of [false, true]) {
      const id = `${name} ${n} ${nthIsStored}`;
      const [cup, pot] = [`cup ${id}`, `pot ${id}`];
      let log: EventLog = shop.log;
      const crashing = participant({
        ...shop.log,
        append: (...args) => log.append(...args),
      });
      const scene = { order: orderId(id), cup, pot, crashing, other: participant(shop.log) };
      await crashing.stockIn(cup, 5);
      await crashing.stockIn(pot, 5);
      await prepare(scene);
      const failing = failingFrom(shop.log, n, nthIsStored);
      log = failing.log;
      const crashed = await act(scene).then(
        () => false,
        () => true,
      );
      expect(crashed).toBe(failing.failed());
      if (!crashed) return n;
      log = shop.log;
      await after(scene);
    }
  }
};

const reserve = ({ crashing, order, cup, pot }: Scene) => crashing.reserve(order, { [cup]: 2, [pot]: 1 });
const again = ({ other, order, cup, pot }: Scene) => other.reserve(order, { [cup]: 2, [pot]: 1 });

const expectOf = async ({ order, cup, pot }: Scene, taken: readonly [number, number]) => {
  const [ofCup, ofPot] = [await audit(shop.log, cup), await audit(shop.log, pot)];
  expect([ofCup.get(order) ?? 0, ofPot.get(order) ?? 0]).toEqual(taken);
};

/** Another order takes so much that the one at hand, which remembers more, meets the shortage at the take. */
const becomeShort = ({ other, cup }: Scene) => other.reserve(orderId(`faster ${cup}`), { [cup]: 4 });

describe('after a crash at any append', () => {
  it('ReserveInventory, delivered again, takes each SKU once', async () => {
    const appends = await atEveryAppend(
      'reserve',
      async () => {},
      reserve,
      async (scene) => {
        await again(scene);
        expect((await shop.told(scene.order)).at(-1)).toBe('InventoryReserved');
        await expectOf(scene, [2, 1]);
        await scene.other.release(scene.order);
        await expectOf(scene, [0, 0]);
      },
    );
    expect(appends).toBe(4);
  });

  it('ReserveInventory, delivered again, goes on although others have written since', async () => {
    await atEveryAppend(
      'busy',
      async () => {},
      reserve,
      async (scene) => {
        const busy = participant(shop.log, { skuTracesMax: 2 });
        const { cup, pot } = scene;
        await busy.stockIn(cup, 20, `more ${cup}`);
        for (let n = 0; n < 10; n += 1)
          await busy.reserve(orderId(`busy ${n} ${cup}`), { [cup]: 1, [pot]: 1 });
        await again({ ...scene, other: busy });
        const told = await shop.told(scene.order);
        await expectOf(scene, told.at(-1) === 'InventoryReserved' ? [2, 1] : [0, 0]);
        expect(['InventoryReserved', 'InventoryFailed']).toContain(told.at(-1));
      },
    );
  });

  it('ReleaseInventory, delivered instead, leaves nothing taken and refuses what comes late', async () => {
    await atEveryAppend(
      'instead',
      async () => {},
      reserve,
      async (scene) => {
        await scene.other.release(scene.order);
        await again(scene);
        await reserve({ ...scene, crashing: participant(shop.log) });
        expect((await shop.told(scene.order)).at(-1)).toBe('InventoryReleased');
        await expectOf(scene, [0, 0]);
      },
    );
  });

  it('ReserveInventory that met a shortage, delivered again, fails and leaves nothing taken', async () => {
    const appends = await atEveryAppend('short', becomeShort, reserve, async (scene) => {
      await again(scene);
      expect((await shop.told(scene.order)).at(-1)).toBe('InventoryFailed');
      await expectOf(scene, [0, 0]);
    });
    // Started, the pot, the cup in vain, release started, two returns, failed.
    expect(appends).toBe(7);
  });

  it('ReleaseInventory that finds a shortage half given back ends that first', async () => {
    const endings = new Set<string>();
    await atEveryAppend('half', becomeShort, reserve, async (scene) => {
      await scene.other.release(scene.order);
      await expectOf(scene, [0, 0]);
      const told = await shop.told(scene.order);
      if (told.includes('InventoryFailed')) {
        expect(told).toEqual([
          'ReservationStarted',
          'ReleaseStarted',
          'InventoryFailed',
          'InventoryReleased',
        ]);
        const { data } = (await shop.log.readStream(`inventory-${scene.order}`)).at(-1)!;
        expect(data).toMatchObject({ nothing: true });
      }
      endings.add(told.join());
    });
    expect(endings.size).toBe(3);
  });

  it('ReleaseInventory, delivered again, returns each SKU once', async () => {
    const appends = await atEveryAppend(
      'release',
      reserve,
      ({ crashing, order }) => crashing.release(order),
      async (scene) => {
        await again(scene);
        await scene.other.release(scene.order);
        expect((await shop.told(scene.order)).at(-1)).toBe('InventoryReleased');
        await expectOf(scene, [0, 0]);
      },
    );
    expect(appends).toBe(4);
  });

  it('a receipt, reported again, is recorded once', async () => {
    const appends = await atEveryAppend(
      'receipt',
      async () => {},
      ({ crashing, cup }) => crashing.stockIn(cup, 3, `second ${cup}`),
      async ({ other, cup }) => {
        const receipt = { receiptId: receiptId(`second ${cup}`), sku: sku(cup), quantity: 3 };
        expect(await other.receive(receipt)).toEqual({ onHand: 8, revision: 1 });
        await audit(shop.log, cup);
      },
    );
    expect(appends).toBe(2);
  });

  it('the process that saw the log fail, asked again, ends as a fresh one does', async () => {
    for (const prepare of [async () => {}, becomeShort])
      await atEveryAppend(`same ${prepare.name}`, prepare, reserve, async (scene) => {
        await reserve(scene);
        const reserved = prepare !== becomeShort;
        expect((await shop.told(scene.order)).at(-1)).toBe(
          reserved ? 'InventoryReserved' : 'InventoryFailed',
        );
        await expectOf(scene, reserved ? [2, 1] : [0, 0]);
        await scene.crashing.release(scene.order);
        await expectOf(scene, [0, 0]);
      });
  });

  it('a stock record keeps its id, whatever on-hand the next attempt finds', async () => {
    const tried: NewEvent[] = [];
    const log: EventLog = {
      ...shop.log,
      append: (stream, expected, events) => {
        if (!stream.startsWith('stock-')) return shop.log.append(stream, expected, events);
        tried.push(...events);
        return Promise.reject(new UnavailableError('not stored'));
      },
    };
    const order = orderId('one id');
    const other = participant(shop.log);
    await other.stockIn('one id', 5);
    const crashing = participant(log);
    await expect(crashing.reserve(order, { 'one id': 2 })).rejects.toThrow(UnavailableError);
    await expect(crashing.release(order)).rejects.toThrow(UnavailableError);
    await other.stockIn('one id', 5, 'one id 2');
    await expect(crashing.release(order)).rejects.toThrow(UnavailableError);
    expect(tried.map(({ type }) => type)).toEqual(['StockTaken', 'StockReturned', 'StockReturned']);
    expect(tried[2]!.id).toBe(tried[1]!.id);
    await other.release(order);
    expect((await shop.log.readStream(stockStream(sku('one id')))).at(-1)!.id).toBe(tried[1]!.id);
  });
});
