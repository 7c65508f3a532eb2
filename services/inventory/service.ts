import type { Sku } from '@recourse/contracts/ids';
import { stockStream } from '@recourse/contracts/streams';
import { assertNever } from '@recourse/infra/assert-never';
import { deciderStore, type Loaded } from '@recourse/infra/decider';
import { ConflictError } from '@recourse/infra/errors';
import type { CommandMessage, ConsumerGroup } from '@recourse/infra/ports/broker';
import { type EventLog, noStream } from '@recourse/infra/ports/event-log';
import type { Logger } from 'pino';
import type { Counter } from './counter.ts';
import { type Inventory, type InventoryCommand, inventory } from './inventory.ts';
import { type Receipt, type Received, receipts } from './receipts.ts';
import { asStockRecord, letGo } from './shelf.ts';
import { openStock } from './stock.ts';
import { note, noteLines, returnAll, takeAll } from './takes.ts';

export { ReceiptReusedError } from './receipts.ts';

/** How often one command starts over because another process went on with its order. */
const restartsMax = 10;

/** Orders whose reservation is remembered, so that the release that follows needs no read. */
const ordersCachedMax = 2_048;

/** What the inventory participant needs. */
export type InventoryOptions = {
  readonly log: EventLog;
  readonly logger: Logger;
  /** SKUs whose stock is remembered. */
  readonly skusCachedMax?: number;
  /** The most changes of one SKU that are joined into one append; at most `appendEventsMax`. */
  readonly skuBatchMax?: number;
  /** Orders and receipts that one SKU remembers while some are under way: at least what can be under way at once. */
  readonly skuTracesMax?: number;
};

/** The stock of a SKU: `updatedAt` in milliseconds since 1970. */
export type StockOf = { readonly onHand: number; readonly revision: number; readonly updatedAt: number };

/** The participant inventory. */
export type InventoryService = {
  /** Obeys ReserveInventory and ReleaseInventory. */
  readonly group: ConsumerGroup;
  /**
   * Takes goods into stock, once for each `receiptId`; again, it answers what it answered first. Rejects with
   * `ReceiptReusedError` where the id stands for something else, and with `UnavailableError`: then ask again.
   */
  receive(receipt: Receipt): Promise<Received>;
  /** The stock as the log has it now; undefined for a SKU that was never received. */
  stockOf(sku: Sku): Promise<StockOf | undefined>;
  /** Whether a SKU was ever received; once known, known for ever. */
  isKnown(sku: Sku): Promise<boolean>;
};

type Wished = CommandMessage<'ReserveInventory' | 'ReleaseInventory'>;

/**
 * Reserves stock for orders, over several SKUs, and gives it back. Any number of processes may do so over one log:
 * every step is fenced by the stream it writes to, and a command that comes again, after whatever end its first
 * handling took, goes on from what the log holds.
 */
export const inventoryService = (options: InventoryOptions): InventoryService => {
  const { log, logger, skusCachedMax = 10_000, skuBatchMax = 500, skuTracesMax = 2_000 } = options;
  const store = deciderStore(log, 'inventory', inventory, { cachedMax: ordersCachedMax });
  const stock = openStock({ log, skusCachedMax, skuBatchMax, skuTracesMax });

  /** Gives the decider a command with what the SKUs look like, where that is asked. */
  const commandOf = async (message: Wished, state: Inventory, held: Counter[]): Promise<InventoryCommand> => {
    const { id } = message;
    if (message.type === 'ReserveInventory') {
      const lines = state.status === 'none' ? await noteLines(stock, message.data.lines, held) : [];
      return { type: 'ReserveInventory', id, lines };
    }
    const given = state.status === 'reserved' ? state.reservation.lines.map(({ sku }) => sku) : [];
    const revisions = (await note(stock, given, held)).map(({ revision }) => revision);
    return { type: 'ReleaseInventory', id, revisions };
  };

  /** Does what is open in the SKUs' streams; the report of it, or undefined where nothing is open for this command. */
  const carryOut = async (
    message: Wished,
    state: Inventory,
  ): Promise<InventoryCommand | 'stop' | undefined> => {
    switch (state.status) {
      case 'started': {
        const shortages = await takeAll(stock, message.key, state.reservation);
        return shortages === 'returned' ? 'stop' : { type: 'RecordTakes', shortages };
      }
      case 'releasing':
        // A release that ReleaseInventory began is ended by the same command, which was not acknowledged.
        if (state.because === 'release' && message.type === 'ReserveInventory') return undefined;
        await returnAll(stock, message.key, state);
        return { type: 'RecordReturns' };
      case 'none':
      case 'reserved':
      case 'failed':
      case 'released':
        return undefined;
      default:
        return assertNever(state);
    }
  };

  const decideAndAppend = async (message: Wished, now: Loaded<Inventory>, command: InventoryCommand) => {
    const events = inventory.decide(command, now.state);
    if (events.length === 0) return now;
    logger.debug({ orderId: message.key, events }, 'inventory decided');
    // Each event names the command that caused it, whichever one brings it about.
    return store.append(message.key, now, events, events[0]!.data.commandId);
  };

  /** Brings a command to its end; false where another process went on with this order. */
  const advance = async (message: Wished, from: Loaded<Inventory>): Promise<boolean> => {
    const held: Counter[] = [];
    try {
      for (let now = from; ; ) {
        now = await decideAndAppend(message, now, await commandOf(message, now.state, held));
        const report = await carryOut(message, now.state);
        if (report === undefined) return true;
        if (report === 'stop') return false;
        now = await decideAndAppend(message, now, report);
      }
    } catch (error) {
      if (error instanceof ConflictError) return false;
      throw error;
    } finally {
      held.forEach(letGo);
    }
  };

  /**
   * A ReserveInventory of which nothing is remembered is taken for the first of its order, without a read: the append
   * is fenced, and finds out where it is not.
   */
  const firstSight = (message: Wished) =>
    message.type === 'ReserveInventory'
      ? (store.peek(message.key) ?? { state: inventory.initial, revision: noStream })
      : store.load(message.key);

  return {
    group: {
      group: 'inventory',
      topics: ['inventory.commands'],
      handle: async (message) => {
        if (message.type !== 'ReserveInventory' && message.type !== 'ReleaseInventory')
          throw new Error(`inventory.commands does not carry ${message.type}`);
        let from = await firstSight(message);
        for (let restarts = 0; !(await advance(message, from)); restarts += 1) {
          if (restarts >= restartsMax)
            throw new Error(`${message.type} ${message.id}: others went first ${restarts} times`);
          store.forget(message.key);
          from = await store.load(message.key);
        }
      },
      onAssigned: async () => store.forget(),
    },

    receive: receipts(log, stock),

    stockOf: async (sku) => {
      const [last] = await log.readStream(stockStream(sku), { direction: 'backwards', max: 1 });
      if (last === undefined) return undefined;
      const { revision, data } = asStockRecord(last);
      return { onHand: data.onHand, revision, updatedAt: last.time };
    },

    isKnown: async (sku) => {
      const counter = await stock.find(sku);
      return counter.revision !== noStream || stock.refresh(counter);
    },
  };
};
