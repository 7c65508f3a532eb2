import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import type { EventData } from '@recourse/contracts/events';
import type { OrderId, ReceiptId, Sku } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { openEmbeddedBroker } from '@recourse/infra/broker/embedded-broker';
import { uuidV5 } from '@recourse/infra/event-id';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { openTimerStore } from '@recourse/infra/timer-store';
import { inventoryService } from '@recourse/inventory/service';
import { orderService } from '@recourse/order/service';
import { paymentService } from '@recourse/payment/service';
import { openSimulatedGateway } from '@recourse/payment/simulated-gateway';
import { orchestrator } from '@recourse/sagas/orchestrator';
import { timersService } from '@recourse/sagas/timers';
import { shippingService } from '@recourse/shipping/service';
import { openSimulatedCarrier } from '@recourse/shipping/simulated-carrier';
import { pino } from 'pino';
import { virtualClock } from '../virtual-clock.ts';

const namespace = '6f2c8f0e-6f0b-5a4e-9a55-0c3d1f3f7b11';
const logger = pino({ level: 'silent' });
const asks = [1_000, 2_000, 5_000, 10_000, 20_000];
const orders = 30;
const data = {
  customerId: null,
  currency: 'GBP',
  country: 'France',
  paymentToken: 'tok_accepted',
  lines: [{ sku: 'A', quantity: 1, unitPrice: 100 }],
  total: 100,
  bodyHash: 'hash',
} as unknown as EventData['OrderCreated'];

it('a burst that queues longer than all asks takes no order back: what is queued is not counted, only flagged', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'recourse-burst-'));
  const clock = virtualClock();
  const log = openSqliteLog({ path: join(folder, 'log.db'), clock });
  const gateway = openSimulatedGateway({ path: join(folder, 'gateway.db'), clock });
  const carrier = openSimulatedCarrier({ path: join(folder, 'carrier.db'), clock });
  const store = openTimerStore(join(folder, 'timers.db'));
  const broker = await openEmbeddedBroker({ log, path: join(folder, 'delivery.db'), clock, logger });
  const timers = timersService({ log, clock, store, logger });
  const shop = orderService({ log });
  const inventory = inventoryService({ log, logger });
  const payment = paymentService({ log, gateway, clock, logger });
  const sagas = orchestrator({ log, times: { askDelaysMs: asks, deadlineMs: 300_000 } });
  for (const { group } of [sagas, timers, shop, inventory, shippingService({ log, carrier, clock, logger })])
    broker.consume(group);
  await timers.start();

  const ids = Array.from({ length: orders }, (_, index) => uuidV5(namespace, `burst ${index}`) as OrderId);
  const advances = async (orderId: OrderId) =>
    (await log.readStream(orderStream('saga', orderId))) as RecordedEvent<'SagaAdvanced'>[];
  try {
    await inventory.receive({
      receiptId: uuidV5(namespace, 'A') as ReceiptId,
      sku: 'A' as Sku,
      quantity: 100,
    });
    for (const orderId of ids) await shop.create(orderId, data, orderId);
    // Nobody takes payment's commands for ten times as long as all asks together.
    const waitMs = 10 * asks.reduce((sum, delay) => sum + delay, 0);
    for (let passed = 0; passed < waitMs; passed += 1_000) await clock.advance(1_000);
    for (const orderId of ids) {
      const last = (await advances(orderId)).at(-1)!.data;
      expect(last.state).toMatchObject({
        value: 'paying',
        context: { flags: ['deadline'], outstanding: { asks: 0 } },
      });
      // Asked again at the longest interval only, so that a queue does not feed itself.
      expect((await advances(orderId)).flatMap(({ data }) => data.commands).length).toBeLessThan(
        waitMs / asks.at(-1)! + 2,
      );
    }

    broker.consume(payment.group);
    await clock.advance(60_000);
    for (const orderId of ids) {
      const way = (await advances(orderId)).map(({ data }) => data.state.value);
      expect([...new Set(way)]).toEqual(['paying', 'reserving', 'shipping', 'completing', 'completed']);
    }
  } finally {
    await timers.close();
    await broker.close();
    store.close();
    await log.close();
    await gateway.close();
    await carrier.close();
    await rm(folder, { recursive: true });
  }
});
