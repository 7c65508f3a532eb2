import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { orderStream } from '@recourse/contracts/streams';
import { UnavailableError } from '@recourse/infra/errors';
import fc from 'fast-check';
import { type Whim, whimsicalLog } from '../../test/faulty-logs.ts';
import { audit, openShop, orderId, participant } from '../../test/inventory-shop.ts';

let shop: Awaited<ReturnType<typeof openShop>>;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop.close();
});

const skus = ['a', 'b', 'c'] as const;
const ordersMax = 8;

/** What is asked of a participant. An order asks the same whenever it asks: the same command delivered again. */
type Ask =
  | { readonly type: 'reserve'; readonly by: number; readonly order: number }
  | { readonly type: 'release'; readonly by: number; readonly order: number }
  | { readonly type: 'receipt'; readonly by: number; readonly receipt: number };

const ask: fc.Arbitrary<Ask> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('reserve' as const),
      by: fc.nat(2),
      order: fc.nat(ordersMax - 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('release' as const),
      by: fc.nat(2),
      order: fc.nat(ordersMax - 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('receipt' as const), by: fc.nat(2), receipt: fc.nat(5) }),
  },
);

const whim: fc.Arbitrary<Whim> = fc.record({
  before: fc.nat(3),
  after: fc.nat(3),
  fails: fc.oneof(
    { weight: 12, arbitrary: fc.constant('no' as const) },
    { weight: 1, arbitrary: fc.constantFrom('unstored' as const, 'stored' as const) },
  ),
});

const story = fc.record({
  /** By order, then by SKU: how many pieces, 0 for none; an order asks for one piece at least. */
  wanted: fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.integer({ min: 1, max: 3 })), {
    minLength: ordersMax,
    maxLength: ordersMax,
  }),
  /** Each round is asked at once; the next when all have been answered. */
  rounds: fc.array(fc.array(ask, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 }),
  whims: fc.array(whim, { minLength: 5, maxLength: 40 }),
});

/** As a broker does: delivered again while the log cannot be reached. */
const untilHandled = async <T>(attempt: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
    }
  }
};

let stories = 0;

describe('whatever the interleaving', () => {
  it('stock adds up, nothing is oversold, and each order has all it asked for or nothing', async () => {
    await fc.assert(
      fc.asyncProperty(story, async ({ wanted, rounds, whims }) => {
        stories += 1;
        const prefix = `${stories}:`;
        const log = whimsicalLog(shop.log, whims);
        const participants = [
          participant(log),
          participant(log, { skuBatchMax: 2 }),
          participant(log, { skusCachedMax: 1, skuTracesMax: 1, skuBatchMax: 3 }),
        ];
        for (const name of skus)
          await untilHandled(() => participants[0]!.stockIn(`${prefix}${name}`, 4, `${prefix}first ${name}`));

        const lines = wanted.map((counts) =>
          Object.fromEntries(
            counts.flatMap((count, index) => (count > 0 ? [[`${prefix}${skus[index]!}`, count]] : [])),
          ),
        );
        const order = (index: number) => orderId(`${prefix}${index}`);
        const carryOut = (it: Ask): Promise<unknown> => {
          const by = participants[it.by]!;
          if (it.type === 'reserve') return by.reserve(order(it.order), lines[it.order]!);
          if (it.type === 'release') return by.release(order(it.order));
          const name = skus[it.receipt % skus.length]!;
          return by.stockIn(`${prefix}${name}`, it.receipt + 1, `${prefix}receipt ${it.receipt}`);
        };
        for (const round of rounds) await Promise.all(round.map((it) => untilHandled(() => carryOut(it))));

        const has = new Map(
          await Promise.all(
            skus.map(
              async (name) => [`${prefix}${name}`, await audit(shop.log, `${prefix}${name}`)] as const,
            ),
          ),
        );
        for (const [index, wish] of lines.entries()) {
          const last = (await shop.log.readStream(orderStream('inventory', order(index)))).at(-1);
          const held = Object.fromEntries(
            [...has].flatMap(([name, taken]) => {
              const count = taken.get(order(index));
              return count === undefined ? [] : [[name, count]];
            }),
          );
          expect([undefined, 'InventoryReserved', 'InventoryFailed', 'InventoryReleased']).toContain(
            last?.type,
          );
          expect(held).toEqual(last?.type === 'InventoryReserved' ? wish : {});
        }
      }),
      { numRuns: 40 },
    );
  });
});
