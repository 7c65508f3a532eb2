import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandId, OrderId, ReceiptId, Sku } from '@recourse/contracts/ids';
import { orderStream, type StreamName, stockStream } from '@recourse/contracts/streams';
import { UnavailableError } from '@recourse/infra/errors';
import { uuidV5 } from '@recourse/infra/event-id';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { CommandMessage } from '@recourse/infra/ports/broker';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { pino } from 'pino';
import { type InventoryOptions, type InventoryService, inventoryService } from './service.ts';

/** For tests: a shop with a real log in a temporary folder, and logs that misbehave on purpose. */

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
export const reserveMessage = (key: OrderId, wanted: Wanted) =>
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

const inShort = ({ type, data }: RecordedEvent) => {
  if (type !== 'StockReceived' && type !== 'StockTaken' && type !== 'StockReturned') return type;
  const { quantity, onHand } = data as { quantity: number; onHand: number };
  return `${type.slice('Stock'.length).toLowerCase()} ${quantity} → ${onHand}`;
};

/** Counts what goes through to a log. */
export const countingLog = (log: EventLog) => {
  const counts = { appends: 0, stockAppends: 0, reads: 0 };
  const counting: EventLog = {
    ...log,
    append: (stream, ...rest) => {
      counts.appends += 1;
      if (stream.startsWith('stock-')) counts.stockAppends += 1;
      return log.append(stream, ...rest);
    },
    readStream: (...args) => {
      counts.reads += 1;
      return log.readStream(...args);
    },
  };
  return { log: counting, counts };
};

/**
 * A log whose appends fail from the n-th on (from 0) as if the process had died: the n-th is stored or not, and its
 * outcome unknown; the others are not stored.
 */
export const failingFrom = (log: EventLog, n: number, nthIsStored: boolean) => {
  let appends = 0;
  const failing: EventLog = {
    ...log,
    append: async (...args) => {
      const at = appends++;
      if (at < n || (at === n && nthIsStored)) {
        const appended = await log.append(...args);
        if (at < n) return appended;
      }
      throw new UnavailableError(`append ${at} failed`);
    },
  };
  return { log: failing, failed: () => appends > n };
};

/** A log that keeps each append to one stream back, before it is stored or before it is answered, until told. */
export const pausingLog = (log: EventLog, stream: StreamName, when: 'before' | 'after') => {
  let reach = () => {};
  let goOn = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const pause = () => {
    reach();
    return gate;
  };
  const pausing: EventLog = {
    ...log,
    append: async (to, ...rest) => {
      if (to === stream && when === 'before') await pause();
      const appended = await log.append(to, ...rest);
      if (to === stream && when === 'after') await pause();
      return appended;
    },
  };
  return { log: pausing, reached, goOn: () => goOn() };
};
