import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { AppendFault } from '../eventstore/appends.ts';
import { type FakeEventStore, startEventStore } from '../eventstore/server.ts';
import { randomFrom } from '../random.ts';
import { type HttpShop, until, usualOrder } from '../shop.ts';
import { describeOnStack } from '../stack/kit.ts';
import { openStackShop } from '../stack/shop.ts';
import { allEnded } from './bad-days.ts';
import { ledgerBalances } from './following.ts';

const seed = 20260711;
const clients = 8;
/** One in so many appends goes wrong. */
const wrongEvery = 60;
const appendFaults: readonly AppendFault[] = ['lose', 'drop', 'break', 'refuse', 'timeout'];

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describeOnStack('an EventStoreDB that goes wrong while orders run', () => {
  const random = randomFrom(seed);
  const oneOf = <T>(some: readonly T[]): T => some[Math.floor(random() * some.length)]!;
  const fatal: Error[] = [];
  /** Orders, and why each is to be taken back; null: it is to complete. */
  const acknowledged = new Map<string, string | null>();
  let server: FakeEventStore;
  let shop: HttpShop;

  beforeAll(async () => {
    server = await startEventStore();
    shop = await openStackShop({
      flags: { eventstoreUrl: server.url, askDelaysMs: '1000,2000,4000,8000' },
      overrides: { onFatal: (error) => fatal.push(error) },
    });
  });
  afterAll(async () => {
    await shop?.end();
    await server?.stop();
  });

  /** What is ordered, and why it is taken back, if it is. */
  const kinds = [
    [{}, null],
    [{ country: 'Atlantis' }, 'shipping-failed'],
    [{ paymentToken: 'tok_declined' }, 'payment-failed'],
    [{ paymentToken: 'tok_answer_lost' }, null],
    [{ lines: [{ sku: 'SKU-B', quantity: 6, unitPrice: 100 }] }, 'inventory-failed'],
  ] as const;

  /** Places an order, as often as it takes. */
  const placeAtLast = async (key: string) => {
    const [changes, because] = oneOf(kinds);
    for (;;) {
      const order = { ...usualOrder, ...changes };
      const { status, body, headers } = await shop.post('/orders', order, { 'idempotency-key': key });
      if (status <= 202) return void acknowledged.set(body.orderId, because);
      expect([status, Number(headers.get('retry-after')) > 0]).toEqual([503, true]);
      await pause(100);
    }
  };

  /** Places one order after the other until it is told to stop. */
  const keepPlacing = async (client: number, isOver: () => boolean) => {
    for (let n = 0; !isOver(); n += 1) {
      await placeAtLast(`${client}-${n}`);
      await pause(150);
    }
  };

  const harms: Readonly<Record<string, () => Promise<void>>> = {
    'subscriptions break': async () => server.breakSubscriptions(),
    'subscriptions fall silent': async () => server.silenceSubscriptions(),
    'the call of all appends breaks': async () => server.breakAppends(),
    'connections break': async () => server.cut(),
    'it hangs for a moment': async () => {
      server.freeze();
      await pause(1_000);
      server.thaw();
    },
    'it hangs for longer than a call may take': async () => {
      server.freeze();
      await pause(6_500);
      server.thaw();
    },
    'it goes away and comes back': async () => {
      await server.goAway();
      await pause(1_500);
      await server.comeBack();
    },
  };

  it('loses nothing: what was acknowledged ends, once, and the ledger balances', async () => {
    let over = false;
    const wrong: Record<string, number> = {};
    server.faults.append = () => {
      if (random() * wrongEvery >= 1) return undefined;
      const fault = oneOf(appendFaults);
      wrong[fault] = (wrong[fault] ?? 0) + 1;
      return fault;
    };
    const placing = Array.from({ length: clients }, (_, client) => keepPlacing(client, () => over));
    for (const harm of Object.values(harms)) {
      await harm();
      await pause(1_500);
    }
    over = true;
    await Promise.all(placing);
    server.faults.append = () => undefined;

    await allEnded(shop, [...acknowledged.keys()]);
    const ends: Record<string, number> = {};
    for (const [orderId, because] of acknowledged) {
      const order = await shop.order(orderId);
      // A step whose outcome stayed unknown for as long as it was asked for is taken back, whatever it was to be.
      const isUnknown = order.because?.endsWith('-unknown') === true;
      if (!isUnknown) expect([orderId, order.because]).toEqual([orderId, because]);
      expect(order.state).toBe(order.because === null ? 'completed' : 'cancelled');
      ends[order.because ?? 'completed'] = (ends[order.because ?? 'completed'] ?? 0) + 1;
    }
    expect(ends.completed).toBeGreaterThan(10);
    expect(Object.keys(wrong).length).toBeGreaterThan(2);
    await until(
      () => shop.ledger(),
      ({ orders }) => orders?.open === 0,
    );
    await ledgerBalances(shop);
    expect((await shop.get('/dead-letters')).body.items).toEqual([]);
    expect(fatal).toEqual([]);
  });
});
