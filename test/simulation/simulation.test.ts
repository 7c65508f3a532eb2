import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { EventData } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream, type StreamName } from '@recourse/contracts/streams';
import { uuidV5 } from '@recourse/infra/event-id';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { openSimulatedGateway } from '@recourse/payment/simulated-gateway';
import { readSagaHistory } from '@recourse/sagas/history';
import type { NewOrders } from '@recourse/sagas/ramp';
import { rerun } from '@recourse/sagas/rerun';
import { openSimulatedCarrier } from '@recourse/shipping/simulated-carrier';
import { type Random, randomFrom } from '../random.ts';
import { virtualClock } from '../virtual-clock.ts';
import { openWorld, type World } from './world.ts';

/**
 * Whole histories under a virtual clock: orders, cancellations and receipts come in, and sagas are asked to go on as
 * another version, while calls, appends and
 * processes fail by chance. Whatever happens, every order ends, and nothing happens twice. A failure prints its seed;
 * SEED=<seed> npm test -- test/simulation runs that one again, and SEEDS=500 runs more of them.
 */
const count = Number(process.env.SEEDS ?? 15);
const seeds =
  process.env.SEED === undefined
    ? Array.from({ length: count }, (_, index) => index + 1)
    : [Number(process.env.SEED)];

/** On which version of the saga orders begin: on the first, on the second, or half of them on each. */
const beginningsOf = (seed: number): NewOrders =>
  (
    [
      { version: 1, percent: 100 },
      { version: 2, percent: 100 },
      { version: 2, percent: 50 },
    ] as const
  )[seed % 3]!;

const orders = 40;
const virtualMsMax = 2 * 60 * 60 * 1_000;
const skus = ['A', 'B', 'C', 'HOT'];

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!;

const orderBy = (random: Random) =>
  ({
    customerId: null,
    currency: 'GBP',
    country: pick(random, [
      'France',
      'France',
      'France',
      'Atlantis',
      'ZZ-gone',
      'ZZ-answer-lost',
      'ZZ-down-3',
    ]),
    paymentToken: pick(random, [
      'tok_accepted',
      'tok_accepted',
      'tok_declined',
      'tok_answer_lost',
      'tok_down_3',
      'tok_down_8',
      'tok_capture_answer_lost',
      'tok_capture_down_8',
      'tok_void_answer_lost',
      'tok_void_down_8',
    ]),
    lines: [...new Set([pick(random, skus), 'HOT', pick(random, skus)])].map((sku) => ({
      sku,
      quantity: 1,
      unitPrice: 100,
    })),
    total: 300,
    bodyHash: 'hash',
  }) as unknown as EventData['OrderCreated'];

describe.each(seeds)('seed %i', (seed) => {
  it('brings every order to its end, and lets nothing happen twice', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'recourse-simulation-'));
    const clock = virtualClock();
    const random = randomFrom(seed);
    const log = openSqliteLog({ path: join(folder, 'log.db'), clock });
    const gateway = openSimulatedGateway({ path: join(folder, 'gateway.db'), clock });
    const carrier = openSimulatedCarrier({ path: join(folder, 'carrier.db'), clock });
    const parts = { folder, log, gateway, carrier, clock, random, newOrders: beginningsOf(seed) };
    let world: World | undefined;
    try {
      const placed = await live();
      await settled(placed);
      await check(log, placed, folder);
    } finally {
      world?.kill();
      await clock.advance(60_000);
      await log.close();
      await gateway.close();
      await carrier.close();
      await rm(folder, { recursive: true, force: true });
    }

    /** Orders come in and things go wrong; what a client asks for, it asks for until it is answered. */
    async function live(): Promise<OrderId[]> {
      const placed: OrderId[] = [];
      const faults = { calls: 0.3, appends: 0.05 };
      world = await openWorld({ ...parts, faults });
      const insist = async (ask: (on: World) => Promise<void>) => {
        for (;;) {
          const done = await Promise.race([
            ask(world!).then(
              () => true,
              () => false,
            ),
            clock.advance(2_000).then(() => false),
          ]);
          if (done) return;
        }
      };
      for (const sku of skus) await insist((on) => on.receive(sku, 15, sku));
      while (placed.length < orders) {
        const chance = random();
        if (chance < 0.6) {
          const orderId = uuidV5(
            '6f2c8f0e-6f0b-5a4e-9a55-0c3d1f3f7b11',
            `${seed}:${placed.length}`,
          ) as OrderId;
          const data = orderBy(random);
          await insist((on) => on.create(orderId, data));
          placed.push(orderId);
        } else if (chance < 0.8 && placed.length > 0) {
          const orderId = pick(random, placed);
          await insist((on) => on.cancel(orderId));
        } else if (chance < 0.85) {
          const name = `more ${placed.length}`;
          await insist((on) => on.receive('HOT', 3, name));
        } else if (chance < 0.92) {
          world[chance < 0.89 ? 'kill' : 'abandon']();
          world = await openWorld({ ...parts, faults });
        } else {
          for (const orderId of placed.slice(-8)) await insist((on) => on.migrate(orderId));
        }
        await clock.advance(random() * 3_000);
      }
      // From here on nothing fails any more: what is open must come to its end by itself.
      world.kill();
      world = await openWorld({ ...parts, faults: { calls: 0, appends: 0 } });
      return placed;
    }

    async function settled(placed: readonly OrderId[]): Promise<void> {
      const begin = clock.monotonic();
      for (const orderId of placed) {
        while ((await lastAdvance(log, orderId))?.data.state.status !== 'done') {
          if (clock.monotonic() - begin > virtualMsMax)
            throw new Error(
              `seed ${seed}: ${orderId} is ${JSON.stringify((await lastAdvance(log, orderId))?.data.state)}`,
            );
          await clock.advance(10_000);
        }
      }
    }
  });
});

const lastAdvance = async (log: EventLog, orderId: OrderId) => {
  const [last] = await log.readStream(orderStream('saga', orderId), { direction: 'backwards', max: 1 });
  return last as RecordedEvent<'SagaAdvanced'> | undefined;
};

const check = async (log: EventLog, placed: readonly OrderId[], folder: string) => {
  const books = (file: string, sql: string) => {
    const database = new DatabaseSync(join(folder, file), { readOnly: true });
    const rows = database.prepare(sql).all() as Record<string, unknown>[];
    database.close();
    return rows;
  };
  const charges = books('gateway.db', 'SELECT * FROM charges WHERE accepted = 1');
  const refunds = books('gateway.db', 'SELECT * FROM refunds');
  const authorizations = books('gateway.db', 'SELECT * FROM authorizations WHERE accepted = 1');
  const captures = books('gateway.db', 'SELECT * FROM captures');
  const voids = books('gateway.db', 'SELECT * FROM voids');
  const shipments = books('carrier.db', 'SELECT * FROM shipments WHERE accepted = 1');
  const stopped = new Set(
    books('carrier.db', 'SELECT shipmentId FROM cancellations WHERE cancelled = 1').map(
      (it) => it.shipmentId,
    ),
  );
  for (const orderId of placed) {
    const { value } = (await lastAdvance(log, orderId))!.data.state;
    const charged = charges.filter((it) => it.orderId === orderId);
    const refunded = refunds.filter(({ chargeId }) => charged.some((it) => it.chargeId === chargeId));
    const shipped = shipments.filter((it) => it.orderId === orderId);
    const gone = shipped.filter(({ shipmentId }) => !stopped.has(shipmentId));
    const authorized = authorizations.filter((it) => it.orderId === orderId);
    const ofThem = ({ authorizationId }: Record<string, unknown>) =>
      authorized.some((it) => it.authorizationId === authorizationId);
    const captured = captures.filter(ofThem).length;
    const kept = {
      paid: charged.length - refunded.length + captured,
      open: authorized.length - captured - voids.filter(ofThem).length,
      gone: gone.length,
      held: await held(log, orderId),
    };
    expect({ orderId, ...kept }).toEqual(
      value === 'completed'
        ? { orderId, paid: 1, open: 0, gone: 1, held: true }
        : { orderId, paid: 0, open: 0, gone: 0, held: false },
    );
    expect(charged.length + authorized.length).toBeLessThanOrEqual(1);
    expect(shipped.length).toBeLessThanOrEqual(1);
    await answeredOnce(log, orderId);
    await stepsAsItsMachines(log, orderId);
  }
  for (const sku of skus) await stockAddsUp(log, sku);
};

/** Whether the order still holds what it took, the same of every SKU that it asked for. */
const held = async (log: EventLog, orderId: OrderId): Promise<boolean> => {
  const [created] = (await log.readStream(orderStream('order', orderId), {
    max: 1,
  })) as RecordedEvent<'OrderCreated'>[];
  const balances = new Set<number>();
  for (const { sku } of created!.data.lines) {
    let balance = 0;
    for (const { type, data } of await log.readStream(`stock-${sku}` as StreamName)) {
      if (type === 'StockTaken' && data.orderId === orderId) balance += data.quantity;
      if (type === 'StockReturned' && data.orderId === orderId) balance -= data.quantity;
    }
    balances.add(balance);
  }
  expect(balances.size).toBe(1);
  return balances.has(1);
};

let migrations = 0;
afterAll(() => {
  if (process.env.SEED === undefined) expect(migrations).toBeGreaterThan(count);
});

/** Each step is what its version of the machine makes of what was heard, its moving to another included. */
const stepsAsItsMachines = async (log: EventLog, orderId: OrderId) => {
  const { heard, facts } = (await readSagaHistory(log, orderId))!;
  expect(rerun(heard, facts)).toBeUndefined();
  migrations += heard.filter(({ input }) => input.type === 'SagaMigrationRequested').length;
};

/** Each command was answered once, however often it was asked. */
const answeredOnce = async (log: EventLog, orderId: OrderId) => {
  const intents = new Set([
    'PaymentStarted',
    'RefundStarted',
    'AuthorizationStarted',
    'CaptureStarted',
    'VoidStarted',
    'ReservationStarted',
    'ReleaseStarted',
    'ShipmentStarted',
    'ShipmentCancellationStarted',
  ]);
  for (const category of ['order', 'payment', 'inventory', 'shipping'] as const) {
    const answers = (await log.readStream(orderStream(category, orderId)))
      .filter(({ type, data }) => !intents.has(type) && 'commandId' in data)
      .map(({ type, data }) => `${type} ${(data as { commandId: string }).commandId}`);
    expect(answers).toEqual([...new Set(answers)]);
  }
};

const stockAddsUp = async (log: EventLog, sku: string) => {
  let onHand = 0;
  for (const record of await log.readStream(`stock-${sku}` as StreamName)) {
    if (record.type === 'StockTaken') onHand -= record.data.quantity;
    if (record.type === 'StockReceived' || record.type === 'StockReturned') onHand += record.data.quantity;
    expect((record.data as { onHand: number }).onHand).toBe(onHand);
    expect(onHand).toBeGreaterThanOrEqual(0);
  }
};
