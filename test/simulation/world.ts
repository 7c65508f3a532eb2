import { join } from 'node:path';
import type { EventData } from '@recourse/contracts/events';
import type { OrderId, ReceiptId, Sku } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { openEmbeddedBroker } from '@recourse/infra/broker/embedded-broker';
import { UnavailableError } from '@recourse/infra/errors';
import { uuidV5 } from '@recourse/infra/event-id';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { openTimerStore } from '@recourse/infra/timer-store';
import { inventoryService } from '@recourse/inventory/service';
import { orderService } from '@recourse/order/service';
import type { PaymentGateway } from '@recourse/payment/gateway';
import { paymentService } from '@recourse/payment/service';
import { orchestrator } from '@recourse/sagas/orchestrator';
import type { NewOrders } from '@recourse/sagas/ramp';
import { requestMigration } from '@recourse/sagas/request-migration';
import { timersService } from '@recourse/sagas/timers';
import type { Carrier } from '@recourse/shipping/carrier';
import { shippingService } from '@recourse/shipping/service';
import { pino } from 'pino';
import type { Random } from '../random.ts';
import type { VirtualClock } from '../virtual-clock.ts';

/** How often what goes wrong, as shares of calls. */
type Faults = {
  /** A call outside is not made, or made and its answer lost, or made and never answered. */
  readonly calls: number;
  /** An append is refused, or done and its answer lost. */
  readonly appends: number;
};

/** What a process is made from; the log, the provider and the carrier outlive it. */
export type WorldParts = {
  readonly folder: string;
  readonly log: EventLog;
  readonly gateway: PaymentGateway;
  readonly carrier: Carrier;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly faults: Faults;
  /** The version of the saga on which orders begin. */
  readonly newOrders: NewOrders;
};

/** The services of one process. */
export type World = {
  create(orderId: OrderId, data: EventData['OrderCreated']): Promise<void>;
  cancel(orderId: OrderId): Promise<void>;
  /** Asks its saga to go on as the other version, which it may not be able to. */
  migrate(orderId: OrderId): Promise<void>;
  receive(sku: string, quantity: number, name: string): Promise<void>;
  /** Ends as `kill -9` would: nothing that it still does reaches the log. */
  kill(): void;
  /** Leaves its consumer groups, but what it has in hand goes on, late: a zombie. */
  abandon(): void;
};

const logger = pino({ level: 'silent' });

/** Composes the services on ports that fail by chance. */
export const openWorld = async (parts: WorldParts): Promise<World> => {
  const { folder, clock } = parts;
  let dead = false;
  const log = faultyLog(parts, () => dead);
  const times = { askDelaysMs: [1_000, 2_000, 5_000, 10_000, 20_000], deadlineMs: 300_000 };
  const orders = orderService({ log });
  const inventory = inventoryService({ log, logger });
  const store = openTimerStore(join(folder, 'timers.db'));
  const timers = timersService({ log, clock, store, logger });
  const groups = [
    orchestrator({ log, times, newOrders: parts.newOrders }).group,
    orders.group,
    paymentService({ log, gateway: faulty(parts, parts.gateway), clock, logger }).group,
    inventory.group,
    shippingService({ log, carrier: faulty(parts, parts.carrier), clock, logger }).group,
    timers.group,
  ];
  const broker = await openEmbeddedBroker({ log, path: join(folder, 'delivery.db'), clock, logger });
  for (const group of groups) broker.consume(group);
  await timers.start();

  const leave = () => {
    const left = Promise.allSettled([timers.close(), broker.close()]);
    void left.then(() => store.close());
  };
  return {
    create: async (orderId, data) => void (await orders.create(orderId, data, orderId)),
    cancel: async (orderId) => void (await orders.requestCancellation(orderId, uuidV5(orderId, 'cancel'))),
    migrate: async (orderId) => {
      const [step] = await log.readStream(orderStream('saga', orderId), { direction: 'backwards', max: 1 });
      if (step?.type !== 'SagaAdvanced') return;
      await requestMigration(log, { orderId, step, to: step.data.machine.version === 1 ? 2 : 1 });
    },
    receive: async (sku, quantity, name) =>
      void (await inventory.receive({
        receiptId: uuidV5('6f2c8f0e-6f0b-5a4e-9a55-0c3d1f3f7b11', name) as ReceiptId,
        sku: sku as Sku,
        quantity,
      })),
    kill: () => {
      dead = true;
      leave();
    },
    abandon: leave,
  };
};

/** A log whose appends are refused, or done and not answered, by chance; a dead process has none. */
const faultyLog = ({ log, random, faults }: WorldParts, isDead: () => boolean): EventLog => {
  const alive = () => {
    if (isDead()) throw new UnavailableError('this process is dead');
  };
  return {
    ...log,
    append: async (...args) => {
      alive();
      const chance = random();
      if (chance < faults.appends / 2) throw new UnavailableError('refused by chance');
      const appended = await log.append(...args);
      alive();
      if (chance < faults.appends) throw new UnavailableError('the answer was lost by chance');
      return appended;
    },
    readStream: async (...args) => {
      alive();
      return log.readStream(...args);
    },
  };
};

/** A provider whose calls are not made, answered late, or never answered, by chance. */
const faulty = <Port extends object>({ clock, random, faults }: WorldParts, port: Port): Port =>
  new Proxy(port, {
    get: (target, name) => {
      const call = Reflect.get(target, name) as (request: unknown) => Promise<unknown>;
      return async (request: unknown) => {
        const chance = random() / faults.calls;
        if (chance < 0.25) throw new Error('not reached, by chance');
        const answer = await call.call(target, request);
        if (chance < 0.5) throw new Error('the answer was lost, by chance');
        if (chance < 0.75) await new Promise<void>((resolve) => clock.after(random() * 9_000, resolve));
        if (chance >= 0.75 && chance < 1) await new Promise(() => {});
        return answer;
      };
    },
  });
