import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandId, OrderId, ReceiptId, Sku } from '@recourse/contracts/ids';
import { orderStream, stockStream } from '@recourse/contracts/streams';
import { uuidV5 } from '@recourse/infra/event-id';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { CommandMessage } from '@recourse/infra/ports/broker';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { type InventoryOptions, type InventoryService, inventoryService } from '@recourse/inventory/service';
import { pino } from 'pino';

/** For tests: a shop with a real log in a temporary folder. */

const namespace = '6ba7b811-9dad-51d1-80b4-00c04fd430c8';

/** Deterministic ids by name. */
export const orderId = (name: string | number) => uuidV5(namespace, `order ${name}`) as OrderId;
export const receiptId = (name: string | number) => uuidV5(namespace, `receipt ${name}`) as ReceiptId;
export const sku = (name: string) => name as Sku;

type Wanted = Readonly<Record<string, number>>;

const command = <T extends 'ReserveInventory' | 'ReleaseInventory'>(
  type: T,
  key: OrderId,
  data: CommandMessage<T>['data'],
) =>
  ({
    kind: 'command',
    topic: 'inventory.commands',
    key,
    type,
    id: uuidV5(key, type) as CommandId,
    data,
    version: 1,
    stream: orderStream('saga', key),
    revision: 0,
    position: 1,
    time: 0,
    correlation: key,
    causation: key,
  }) as CommandMessage<T>;

/** The ReserveInventory of an order: the same one each time. */
const reserveMessage = (key: OrderId, wanted: Wanted) =>
  command('ReserveInventory', key, {
    lines: Object.entries(wanted).map(([name, quantity]) => ({ sku: sku(name), quantity })),
  });

/** The ReleaseInventory of an order: the same one each time. */
export const releaseMessage = (key: OrderId) => command('ReleaseInventory', key, {});

/** An inventory participant over a log, with commands as calls. */
export const participant = (log: EventLog, options: Partial<InventoryOptions> = {}) => {
  const service: InventoryService = inventoryService({ log, logger: pino({ level: 'silent' }), ...options });
  return {
    ...service,
    reserve: (key: OrderId, wanted: Wanted) => service.group.handle(reserveMessage(key, wanted)),
    release: (key: OrderId) => service.group.handle(releaseMessage(key)),
    stockIn: (name: string, quantity: number, receipt: string = name) =>
      service.receive({ receiptId: receiptId(receipt), sku: sku(name), quantity }),
  };
};

/** A log in a folder of its own. */
export const openShop = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'recourse-inventory-'));
  const log = openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock });
  return {
    log,
    /** The types in an order's inventory stream. */
    told: async (key: OrderId) =>
      (await log.readStream(orderStream('inventory', key))).map(({ type }) => type),
    /** What stands in a SKU's stream, in short: `taken 2 → 3`. */
    stockOf: async (name: string) => (await log.readStream(stockStream(sku(name)))).map(inShort),
    close: async () => {
      await log.close();
      await rm(folder, { recursive: true });
    },
  };
};

/**
 * Checks a SKU's stream from its first record on: each on-hand follows from the one before and is never negative, and
 * no order takes or returns twice, or returns other than it took, or takes after it returned. Answers what each order
 * has now.
 */
export const audit = async (log: EventLog, name: string): Promise<ReadonlyMap<OrderId, number>> => {
  const taken = new Map<OrderId, number>();
  const returned = new Set<OrderId>();
  let onHand = 0;
  for (const { type, data } of await log.readStream(stockStream(sku(name)))) {
    if (type === 'StockReceived') onHand += data.quantity;
    else if (type === 'StockTaken') {
      if (taken.has(data.orderId) || returned.has(data.orderId)) throw new Error(`${name}: taken twice`);
      taken.set(data.orderId, data.quantity);
      onHand -= data.quantity;
    } else if (type === 'StockReturned') {
      if (returned.has(data.orderId)) throw new Error(`${name}: returned twice`);
      if (data.quantity !== (taken.get(data.orderId) ?? 0)) throw new Error(`${name}: returned amiss`);
      returned.add(data.orderId);
      taken.delete(data.orderId);
      onHand += data.quantity;
    } else throw new Error(`${name}: ${type}`);
    if (data.onHand !== onHand || onHand < 0)
      throw new Error(`${name}: on hand ${data.onHand}, not ${onHand}`);
  }
  return taken;
};

const inShort = ({ type, data }: RecordedEvent) => {
  if (type !== 'StockReceived' && type !== 'StockTaken' && type !== 'StockReturned') return type;
  const { quantity, onHand } = data as { quantity: number; onHand: number };
  return `${type.slice('Stock'.length).toLowerCase()} ${quantity} → ${onHand}`;
};
