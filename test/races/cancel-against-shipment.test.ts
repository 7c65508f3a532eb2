import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from '@jest/globals';
import type { EventData } from '@recourse/contracts/events';
import type { OrderId, ReceiptId, Sku } from '@recourse/contracts/ids';
import type { Topic } from '@recourse/contracts/registry';
import { orderStream } from '@recourse/contracts/streams';
import { messagesOf } from '@recourse/infra/broker/messages';
import { stamp, uuidV5 } from '@recourse/infra/event-id';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { ConsumerGroup, Message } from '@recourse/infra/ports/broker';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { inventoryService } from '@recourse/inventory/service';
import { orderService } from '@recourse/order/service';
import { paymentService } from '@recourse/payment/service';
import { openSimulatedGateway } from '@recourse/payment/simulated-gateway';
import { readSagaHistory } from '@recourse/sagas/history';
import { type SagaVersion, sagaVersions } from '@recourse/sagas/machines';
import { orchestrator } from '@recourse/sagas/orchestrator';
import { requestMigration } from '@recourse/sagas/request-migration';
import { rerun } from '@recourse/sagas/rerun';
import { shippingService } from '@recourse/shipping/service';
import { openSimulatedCarrier } from '@recourse/shipping/simulated-carrier';
import { pino } from 'pino';
import { type Random, randomFrom } from '../random.ts';

/**
 * Every order of events in which a cancellation can meet a shipment: from just before the shipment is asked for, each
 * delivery (topics overtake each other, as they do on a real broker), the customer's wish, a wish to go on as another
 * version of the machine, and one more ask may come
 * next. Each way is walked from its beginning, on a log of its own, with a seed that it names when it fails; WAYS=1000
 * walks more of them.
 */

const namespace = '6f2c8f0e-6f0b-5a4e-9a55-0c3d1f3f7b11';
const orderId = '0192f0a0-0000-7000-8000-000000000001' as OrderId;
const logger = pino({ level: 'silent' });
const times = { askDelaysMs: [1_000], deadlineMs: 300_000 };
const stepsMax = 60;

type Move = { readonly name: string; make(): Promise<void> };

/** One order in one shop, whose every delivery is made by hand. */
const openStage = async (folder: string, country: string, version: SagaVersion) => {
  const log = openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock });
  const gateway = openSimulatedGateway({ path: join(folder, 'gateway.db'), clock: systemClock });
  const carrier = openSimulatedCarrier({ path: join(folder, 'carrier.db'), clock: systemClock });
  const shop = orderService({ log });
  const inventory = inventoryService({ log, logger });
  const groups: ConsumerGroup[] = [
    orchestrator({ log, times, newOrders: { version, percent: 100 } }).group,
    shop.group,
    paymentService({ log, gateway, clock: systemClock, logger }).group,
    inventory.group,
    shippingService({ log, carrier, clock: systemClock, logger }).group,
  ];
  await inventory.receive({ receiptId: uuidV5(namespace, 'A') as ReceiptId, sku: 'A' as Sku, quantity: 5 });
  await shop.create(orderId, orderFor(country), orderId);

  const delivered = new Set<string>();
  let read = 0;
  const lanes = new Map<string, { group: ConsumerGroup; messages: Message[] }>();
  const gather = async () => {
    for (const record of await log.readAll(read, 1_000)) {
      read = record.position;
      for (const group of groups) {
        for (const message of messagesOf(record, new Set<Topic>(group.topics))) {
          if (message === undefined) continue;
          const name = `${group.group} ← ${message.topic}`;
          const lane = lanes.get(name) ?? { group, messages: [] };
          lane.messages.push(message);
          lanes.set(name, lane);
        }
      }
    }
  };
  const once = (name: string, make: () => Promise<void>): Move[] =>
    delivered.has(name)
      ? []
      : [
          {
            name,
            make: async () => {
              delivered.add(name);
              await make();
            },
          },
        ];

  return {
    log,
    /** What may come next. */
    moves: async (): Promise<Move[]> => {
      await gather();
      const deliveries = [...lanes]
        .filter(([, { messages }]) => messages.length > 0)
        .map(([name, { group, messages }]): Move => ({ name, make: () => group.handle(messages.shift()!) }));
      return deliveries;
    },
    wish: () =>
      once(
        'the customer cancels',
        async () => void (await shop.requestCancellation(orderId, uuidV5(orderId, 'cancel'))),
      ),
    migrate: () => once('the saga is asked to go on as the other version', () => askToMove(log)),
    ask: () => once('the timer asks', () => fireTimer(log)),
    end: async () => {
      await log.close();
      await gateway.close();
      await carrier.close();
    },
  };
};

const orderFor = (country: string) =>
  ({
    customerId: null,
    currency: 'GBP',
    country,
    paymentToken: 'tok_accepted',
    lines: [{ sku: 'A', quantity: 1, unitPrice: 100 }],
    total: 100,
    bodyHash: 'hash',
  }) as unknown as EventData['OrderCreated'];

const sagaState = async (log: EventLog) => {
  const [last] = await log.readStream(orderStream('saga', orderId), { direction: 'backwards', max: 1 });
  return (last as RecordedEvent<'SagaAdvanced'> | undefined)?.data.state;
};

const askToMove = async (log: EventLog) => {
  const [step] = await log.readStream(orderStream('saga', orderId), { direction: 'backwards', max: 1 });
  if (step?.type !== 'SagaAdvanced') return;
  await requestMigration(log, { orderId, step, to: step.data.machine.version === 1 ? 2 : 1 });
};

const fireTimer = async (log: EventLog) => {
  const timerId = (await sagaState(log))?.context.askTimer;
  if (timerId === undefined) return;
  const stream = orderStream('saga-input', orderId);
  const fired = { type: 'TimerFired' as const, data: { timerId, overdue: true } };
  await log.append(stream, await log.headOf(stream), stamp([fired], orderId, timerId));
};

/** Walks one way: chance chooses what comes next. Resolves with the way, and with where it led. */
const walk = async (country: string, version: SagaVersion, moves: boolean, random: Random) => {
  const folder = await mkdtemp(join(tmpdir(), 'recourse-race-'));
  const stage = await openStage(folder, country, version);
  const way: string[] = [];
  try {
    while ((await sagaState(stage.log))?.value !== 'reserving') await (await stage.moves())[0]!.make();
    for (let step = 0; step < stepsMax; step += 1) {
      const deliveries = await stage.moves();
      const ended = (await sagaState(stage.log))?.status === 'done';
      const asked = ended ? [] : [...(moves ? stage.migrate() : []), ...stage.ask()];
      const next = [...(ended ? [] : stage.wish()), ...deliveries, ...asked];
      if (deliveries.length === 0 && ended) break;
      // Nothing left to deliver: the timer asks, as often as it must.
      if (next.length === 0) {
        await fireTimer(stage.log);
        continue;
      }
      const move = next[Math.floor(random() * next.length)]!;
      way.push(move.name);
      await move.make();
    }
    return {
      way,
      state: await sagaState(stage.log),
      versions: await versionsOf(stage.log),
      events: await eventsOf(stage.log),
      books: booksOf(folder),
    };
  } finally {
    await stage.end();
    await rm(folder, { recursive: true });
  }
};

/** Which versions of the machine took its steps. */
const versionsOf = async (log: EventLog) => {
  const { heard, facts } = (await readSagaHistory(log, orderId))!;
  expect(rerun(heard, facts)).toBeUndefined();
  return [...new Set(heard.map(({ advance }) => advance.machine.version))];
};

const eventsOf = async (log: EventLog) => {
  const names: string[] = [];
  for (const category of ['order', 'payment', 'inventory', 'shipping'] as const)
    for (const { type } of await log.readStream(orderStream(category, orderId))) names.push(type);
  return names;
};

const booksOf = (folder: string) => {
  const count = (file: string, sql: string) => {
    const database = new DatabaseSync(join(folder, file), { readOnly: true });
    const { n } = database.prepare(sql).get() as { n: number };
    database.close();
    return n;
  };
  const out = count('carrier.db', 'SELECT count(*) AS n FROM shipments WHERE accepted = 1');
  const stopped = count('carrier.db', 'SELECT count(*) AS n FROM cancellations WHERE cancelled = 1');
  const entries = (table: string) => count('gateway.db', `SELECT count(*) AS n FROM ${table}`);
  const captured = entries('captures');
  return {
    parcels: out - stopped,
    paid: entries('charges') - entries('refunds') + captured,
    open: entries('authorizations') - captured - entries('voids'),
    givenBack: entries('refunds') + entries('voids'),
  };
};

const ways = Number(process.env.WAYS ?? 30);
/** Where a shipment to a country may end once a cancellation meets it. */
const endsOf: Record<string, readonly string[]> = {
  France: ['cancelled', 'completed'],
  'ZZ-answer-lost': ['cancelled', 'completed'],
  'ZZ-gone': ['cancelled', 'completed'],
  Atlantis: ['cancelled'],
};

const countries = Object.keys(endsOf);
const races = [
  ...sagaVersions.flatMap((version) => countries.map((country) => [country, version, false] as const)),
  ...countries.map((country) => [country, 1, true] as const),
];

describe.each(races)(
  'a cancellation against a shipment to %s, version %i, moving: %s',
  (country, version, moves) => {
    it('ends well in every order of events: shipped and paid, or nothing shipped and all given back', async () => {
      const ends = new Set<string | undefined>();
      let moved = 0;
      for (let seed = 1; seed <= ways; seed += 1) {
        const { way, state, versions, events, books } = await walk(country, version, moves, randomFrom(seed));
        if (versions.length > 1) moved += 1;
        const told = { seed, way, end: state?.value, events };
        ends.add(state?.value);
        if (state?.value === 'completed') {
          expect({ ...told, ...books }).toEqual({ ...told, parcels: 1, paid: 1, open: 0, givenBack: 0 });
          expect(events.filter((type) => type === 'OrderShipped')).toHaveLength(1);
          expect(events).not.toContain('ShipmentCancelled');
        } else {
          expect({ ...told, ...books }).toEqual({
            ...told,
            end: 'cancelled',
            parcels: 0,
            paid: 0,
            open: 0,
            givenBack: 1,
          });
          expect(events).not.toContain('OrderShipped');
        }
      }
      // Of those that were asked to move some moved, and for some another step came first.
      if (moves) expect([moved > 0, moved < ways]).toEqual([true, true]);
      else expect([moved, [...ends].toSorted()]).toEqual([0, endsOf[country]]);
    });
  },
);
