import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Because, CommandName } from '@recourse/contracts/commands';
import type { EventData, EventType } from '@recourse/contracts/events';
import type { OrderId, ReceiptId, Sku } from '@recourse/contracts/ids';
import { type OrderCategory, orderStream, type StreamName, stockStream } from '@recourse/contracts/streams';
import { commandId, eventId, uuidV5 } from '@recourse/infra/event-id';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { Clock } from '@recourse/infra/ports/clock';
import type { NewEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { gatewayBooksSchema } from '@recourse/payment/gateway-books';
import { carrierBooksSchema } from '@recourse/shipping/carrier-books';

/** Writes histories, true ones and doctored ones, into a real log and real books. */

/** What an order is made of. */
export type Wanted = {
  readonly orderId?: OrderId;
  readonly customerId?: string;
  readonly currency?: string;
  readonly lines?: readonly (readonly [sku: string, quantity: number, unitPrice: number])[];
};

const namespace = '4b7a3b0e-6d0c-4a51-9a05-6f6d0f1f8a11';

/** The nth order id of a test. */
export const orderIdOf = (n: number): OrderId => uuidV5(namespace, `order ${n}`) as OrderId;

/** A clock that stands still until it is moved. */
export const standingClock = (start = Date.UTC(2026, 0, 31, 12)): Clock & { move(ms: number): void } => {
  let now = start;
  return {
    ...systemClock,
    now: () => now,
    move: (ms) => {
      now += ms;
    },
  };
};

/** Opens a log and books in a folder. */
export const openHistory = (dataDir: string, clock: Clock = systemClock) => {
  mkdirSync(join(dataDir, 'simulated'), { recursive: true });
  const logPath = join(dataDir, 'log.db');
  const log = openSqliteLog({ path: logPath, clock });
  const openBooks = (name: string, schema: string) => {
    const db = new DatabaseSync(join(dataDir, 'simulated', name));
    db.exec('pragma journal_mode = wal; pragma synchronous = off;');
    db.exec(schema);
    return db;
  };
  const gateway = openBooks('gateway.db', gatewayBooksSchema);
  const carrier = openBooks('carrier.db', carrierBooksSchema);
  const revisions = new Map<string, number>();
  const onHand = new Map<string, number>();
  let orders = 0;
  let written: Promise<unknown> = Promise.resolve();

  /** Appends in the order of the calls; wait for `settled` once, after many. */
  const append = <T extends EventType>(
    stream: StreamName,
    correlation: string,
    type: T,
    data: EventData[T],
  ) => {
    const revision = revisions.get(stream) ?? -1;
    const event = { type, data, id: eventId(correlation, revision, type, [stream, data]) };
    revisions.set(stream, revision + 1);
    const stored = log.append(stream, revision, [
      { ...event, correlation, causation: correlation } as NewEvent,
    ]);
    written = Promise.all([written, stored]);
  };

  const receive = (sku: string, quantity: number) => {
    const after = (onHand.get(sku) ?? 0) + quantity;
    onHand.set(sku, after);
    const receiptId = uuidV5(namespace, `receipt ${sku} ${after}`) as ReceiptId;
    append(stockStream(sku as Sku), receiptId, 'StockReceived', { receiptId, quantity, onHand: after });
  };

  /** One order, written event by event. */
  const order = (wanted: Wanted = {}) => {
    orders += 1;
    const orderId = wanted.orderId ?? orderIdOf(orders);
    const currency = wanted.currency ?? 'GBP';
    const lines = wanted.lines ?? [['TEA', 2, 250]];
    const total = lines.reduce((sum, [, quantity, price]) => sum + quantity * price, 0);
    const id = (command: CommandName) => commandId(orderId, 0, command, null);
    const write = <T extends EventType>(category: OrderCategory, type: T, data: EventData[T]) =>
      append(orderStream(category, orderId), orderId, type, data);
    const enter = (db: DatabaseSync, sql: string, ...values: (string | number | null)[]) =>
      db.prepare(sql).run(...values);
    const moveStock = (sign: 1 | -1) => {
      for (const [sku, quantity] of lines) {
        const after = (onHand.get(sku) ?? 0) - sign * quantity;
        onHand.set(sku, after);
        const type = sign === 1 ? 'StockTaken' : 'StockReturned';
        append(stockStream(sku as Sku), orderId, type, { orderId, quantity, onHand: after });
      }
    };

    const it = {
      orderId,
      total,
      currency,
      id,
      write,
      created: () => {
        write('order', 'OrderCreated', {
          customerId: (wanted.customerId ?? null) as EventData['OrderCreated']['customerId'],
          currency,
          country: 'France',
          paymentToken: 'tok_accepted' as EventData['OrderCreated']['paymentToken'],
          lines: lines.map(([sku, quantity, unitPrice]) => ({ sku: sku as Sku, quantity, unitPrice })),
          total,
          bodyHash: 'x'.repeat(64),
        });
        return it;
      },
      saga: (value: string, ask?: CommandName, because?: Because, extra: object = {}) => {
        const outstanding = ask && { commandId: id(ask), type: ask, asks: 0 };
        const first = !revisions.has(orderStream('saga', orderId));
        const timer = { id: uuidV5(orderId, `ask ${ask}`), kind: 'ask' as const, afterMs: 1_000 };
        const deadline = { id: uuidV5(orderId, 'deadline'), kind: 'deadline' as const, afterMs: 300_000 };
        write('saga', 'SagaAdvanced', {
          input: { id: orderId, type: 'OrderCreated', category: 'order', revision: 0 },
          machine: { name: 'order-saga', version: 1 },
          state: {
            value,
            status: value === 'completed' || value === 'cancelled' ? 'done' : 'active',
            context: {
              sequence: { order: 0 },
              ...(outstanding && { outstanding }),
              ...(because && { because }),
              ...extra,
            },
          },
          commands: ask ? [{ id: id(ask), type: ask, data: {} }] : [],
          timers: { set: [...(ask ? [timer] : []), ...(first ? [deadline] : [])], cancelled: [] },
        } as unknown as EventData['SagaAdvanced']);
        return it;
      },
      chargeStarted: () => {
        const paymentToken = 'tok_accepted' as EventData['PaymentStarted']['paymentToken'];
        write('payment', 'PaymentStarted', {
          commandId: id('ProcessPayment'),
          amount: total,
          currency,
          paymentToken,
        });
        return it;
      },
      chargeEntered: (accepted: 0 | 1 = 1, amount = total) => {
        enter(
          gateway,
          `insert into charges (key, orderId, chargeId, amount, currency, accepted, reason, at, paymentToken)
           values (?, ?, ?, ?, ?, ?, ?, 0, 'tok')`,
          id('ProcessPayment'),
          orderId,
          accepted ? `ch_${orderId}` : null,
          amount,
          currency,
          accepted,
          null,
        );
        return it;
      },
      charged: (data: Partial<EventData['PaymentProcessed']> = {}) => {
        write('payment', 'PaymentProcessed', {
          commandId: id('ProcessPayment'),
          chargeId: `ch_${orderId}`,
          amount: total,
          currency,
          ...data,
        });
        return it;
      },
      chargeFailed: (data: Partial<EventData['PaymentFailed']> = {}) => {
        write('payment', 'PaymentFailed', { commandId: id('ProcessPayment'), reason: 'declined', ...data });
        return it;
      },
      refundStarted: () => {
        const commandId = id('RefundPayment');
        write('payment', 'RefundStarted', { commandId, chargeId: `ch_${orderId}`, amount: total, currency });
        return it;
      },
      refundEntered: (amount = total) => {
        enter(
          gateway,
          'insert into refunds (key, chargeId, refundId, amount, currency, at) values (?, ?, ?, ?, ?, 0)',
          id('RefundPayment'),
          `ch_${orderId}`,
          `re_${orderId}`,
          amount,
          currency,
        );
        return it;
      },
      refunded: (data: Partial<EventData['PaymentRefunded']> = {}) => {
        const commandId = id('RefundPayment');
        write('payment', 'PaymentRefunded', { commandId, amount: total, currency, nothing: false, ...data });
        return it;
      },
      reservationStarted: () => {
        const asked = lines.map(([sku, quantity]) => ({ sku: sku as Sku, quantity, revision: 0 }));
        write('inventory', 'ReservationStarted', { commandId: id('ReserveInventory'), lines: asked });
        return it;
      },
      taken: () => {
        moveStock(1);
        return it;
      },
      reserved: () => {
        write('inventory', 'InventoryReserved', { commandId: id('ReserveInventory') });
        return it;
      },
      returned: () => {
        moveStock(-1);
        return it;
      },
      shipmentStarted: () => {
        write('shipping', 'ShipmentStarted', { commandId: id('ShipOrder'), country: 'France' });
        return it;
      },
      shipmentEntered: (accepted: 0 | 1 = 1) => {
        enter(
          carrier,
          `insert into shipments (key, orderId, shipmentId, country, accepted, at) values (?, ?, ?, 'France', ?, 0)`,
          id('ShipOrder'),
          orderId,
          accepted ? `sh_${orderId}` : null,
          accepted,
        );
        return it;
      },
      shipped: (data: Partial<EventData['OrderShipped']> = {}) => {
        write('shipping', 'OrderShipped', {
          commandId: id('ShipOrder'),
          shipmentId: `sh_${orderId}`,
          ...data,
        });
        return it;
      },
      cancellationStarted: () => {
        write('shipping', 'ShipmentCancellationStarted', { commandId: id('CancelShipment') });
        return it;
      },
      cancellationEntered: (cancelled: 0 | 1 = 1) => {
        enter(
          carrier,
          'insert into cancellations (key, shipKey, shipmentId, cancelled, at) values (?, ?, ?, ?, 0)',
          id('CancelShipment'),
          id('ShipOrder'),
          `sh_${orderId}`,
          cancelled,
        );
        return it;
      },
      completed: () => {
        write('order', 'OrderCompleted', { commandId: id('CompleteOrder'), cancellationRefused: false });
        return it;
      },
      cancelled: (because: Because) => {
        write('order', 'OrderCancelled', { commandId: id('CancelOrder'), because });
        return it;
      },
      /** The whole way to each point, in log and books. */
      paid: () => it.created().saga('paying', 'ProcessPayment').chargeStarted().chargeEntered().charged(),
      inStock: () => it.paid().saga('reserving', 'ReserveInventory').reservationStarted().taken().reserved(),
      sent: () => it.inStock().saga('shipping', 'ShipOrder').shipmentStarted().shipmentEntered().shipped(),
      done: () => it.sent().saga('completing', 'CompleteOrder').completed().saga('completed'),
      /** From paid on to the end. */
      sentFromHere: () =>
        it
          .saga('reserving', 'ReserveInventory')
          .taken()
          .reserved()
          .shipmentStarted()
          .shipmentEntered()
          .shipped()
          .completed()
          .saga('completed'),
      /** From where it stands back to the end. */
      givenBack: (because: Because, steps: { readonly stock: boolean }) => {
        if (steps.stock) {
          it.saga('releasing', 'ReleaseInventory', because);
          it.write('inventory', 'ReleaseStarted', { commandId: id('ReleaseInventory'), because: 'release' });
          it.returned().write('inventory', 'InventoryReleased', {
            commandId: id('ReleaseInventory'),
            nothing: false,
          });
        }
        it.saga('refunding', 'RefundPayment', because).refundStarted().refundEntered().refunded();
        return it
          .saga('cancelling', 'CancelOrder', because)
          .cancelled(because)
          .saga('cancelled', undefined, because);
      },
    };
    return it;
  };

  return {
    dataDir,
    logPath,
    log,
    gateway,
    carrier,
    append,
    receive,
    order,
    /** The log's head, once everything is stored. */
    settled: async () => {
      await written;
      written = Promise.resolve();
      return log.head();
    },
    close: async () => {
      await log.close();
      gateway.close();
      carrier.close();
    },
  };
};

/** A history being written. */
export type History = ReturnType<typeof openHistory>;
/** An order of it. */
export type HistoryOrder = ReturnType<History['order']>;
