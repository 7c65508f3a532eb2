import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { OrderId, ReceiptId, Sku } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { openEmbeddedBroker } from '@recourse/infra/broker/embedded-broker';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { Broker, ConsumerGroup } from '@recourse/infra/ports/broker';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { systemClock as clock, systemIds } from '@recourse/infra/system';
import { openTimerStore } from '@recourse/infra/timer-store';
import { ingestService } from '@recourse/ingest/service';
import { inventoryService } from '@recourse/inventory/service';
import { orderService } from '@recourse/order/service';
import { paymentService } from '@recourse/payment/service';
import { openSimulatedGateway } from '@recourse/payment/simulated-gateway';
import { orchestrator } from '@recourse/sagas/orchestrator';
import { timersService } from '@recourse/sagas/timers';
import { reply } from '../../services/ingest/testing/replies.ts';
import { eventually } from '../api-kit.ts';
import { silent } from '../stack/kit.ts';

/** What somebody else's program says to a command; nothing where it stays silent. */
type Program = (command: string, commandId: string) => readonly [type: string, data: object][];

let folder: string;
let log: EventLog;
let broker: Broker;
let closing: (() => unknown)[];
let program: Program;
let orders: ReturnType<typeof orderService>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-foreign-'));
  const sqliteLog = openSqliteLog({ path: join(folder, 'log.db'), clock });
  log = sqliteLog;
  const gateway = openSimulatedGateway({ path: join(folder, 'gateway.db'), clock });
  broker = await openEmbeddedBroker({ log, path: join(folder, 'delivery.db'), clock, logger: silent });
  const store = openTimerStore(join(folder, 'timers.db'), sqliteLog.headNow());
  const timers = timersService({ log, clock, store, logger: silent });
  closing = [
    () => timers.close(),
    () => broker.close(),
    () => store.close(),
    () => gateway.close(),
    () => log.close(),
  ];
  const foreign = new Set(['shipping'] as const);
  const [ingest] = ingestService({ log, foreign, logger: silent }).groups;
  const somebodyElse: ConsumerGroup = {
    group: 'somebody else',
    topics: ['shipping.commands'],
    handle: async ({ key, type, id }) => {
      for (const [answer, data] of program(type, id))
        await ingest!.handle(reply(key, answer, { commandId: id, ...data }));
    },
  };
  orders = orderService({ log });
  const inventory = inventoryService({ log, logger: silent });
  await inventory.receive({ receiptId: systemIds.next() as ReceiptId, sku: 'A' as Sku, quantity: 100 });
  const groups = [
    orchestrator({ log, foreign, times: { askDelaysMs: [10], deadlineMs: 60_000 } }),
    orders,
    paymentService({ log, gateway, clock, logger: silent }),
    inventory,
    timers,
  ].map(({ group }) => group);
  for (const group of [...groups, somebodyElse]) broker.consume(group);
  await timers.start();
});
afterEach(async () => {
  for (const close of closing) await close();
  rmSync(folder, { recursive: true });
});

/** Places an order; resolves with its id once its saga has ended. */
const placed = async (): Promise<OrderId> => {
  const orderId = systemIds.next() as OrderId;
  const line = { sku: 'A' as Sku, quantity: 1, unitPrice: 250 };
  const data = {
    customerId: null,
    currency: 'GBP',
    country: 'France',
    paymentToken: 'tok_accepted',
    lines: [line],
  };
  await orders.create(orderId, { ...data, total: 250, bodyHash: 'hash' } as never, orderId);
  await eventually(async () => (await last(orderId))?.data.state.status === 'done');
  return orderId;
};
const last = async (orderId: OrderId) =>
  (await log.readStream(orderStream('saga', orderId), { direction: 'backwards', max: 1 }))[0] as
    | RecordedEvent<'SagaAdvanced'>
    | undefined;
const typesOf = async (orderId: OrderId) =>
  (await log.readStream(orderStream('shipping', orderId))).map(({ type, data }) =>
    'late' in data ? `late ${type}` : type,
  );

describe("an order that is shipped by somebody else's program", () => {
  it('completes, and every answer stands once however often it is given', async () => {
    program = () => [
      ['OrderShipped', { shipmentId: 's' }],
      ['OrderShipped', { shipmentId: 's' }],
    ];
    const orderId = await placed();
    expect((await last(orderId))?.data.state.value).toBe('completed');
    expect(await typesOf(orderId)).toEqual(['OrderShipped']);
  });

  it('is taken back where it refuses', async () => {
    program = () => [['ShippingFailed', { reason: 'no' }]];
    const orderId = await placed();
    expect((await last(orderId))?.data.state).toMatchObject({
      value: 'cancelled',
      context: { because: 'shipping-failed' },
    });
  });

  it('is undone after its asks where it stays silent, and what it says behind its tombstone is late', async () => {
    let silentId = '';
    program = (command, id) => {
      if (command === 'CancelShipment') return [['ShipmentCancelled', { nothing: true }]];
      silentId = id;
      return [];
    };
    const orderId = await placed();
    expect((await last(orderId))?.data.state).toMatchObject({
      value: 'cancelled',
      context: { because: 'shipping-unknown' },
    });
    const { groups } = ingestService({ log, foreign: new Set(['shipping']), logger: silent });
    await groups[0]!.handle(reply(orderId, 'OrderShipped', { commandId: silentId, shipmentId: 's' }));
    expect(await typesOf(orderId)).toEqual(['ShipmentCancelled', 'late OrderShipped']);
    expect((await last(orderId))?.data.state.value).toBe('cancelled');
  });
});
