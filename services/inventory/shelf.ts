import type { DomainEvent } from '@recourse/contracts/events';
import type { Sku } from '@recourse/contracts/ids';
import { type StreamName, stockStream } from '@recourse/contracts/streams';
import { noStream, type RecordedEvent } from '@recourse/infra/ports/event-log';

/** What stands in `stock-<sku>`. */
export type StockEvent = DomainEvent<'StockReceived' | 'StockTaken' | 'StockReturned'>;

/** A stock event at its place. */
export type StockRecord = StockEvent & { readonly revision: number };

/** What a SKU's stream holds of one order, or of one receipt: facts, which nothing takes back. */
export type Trace = {
  taken?: number;
  returned?: true;
  received?: { readonly onHand: number; readonly revision: number };
};

/**
 * What this process knows of one SKU: the head of its stream, and, while anybody holds it, what was written after
 * `tracedFrom`, by whomever. All of it is true up to `revision`; others may have written more.
 */
export type Shelf = {
  readonly sku: Sku;
  readonly stream: StreamName;
  /** How many orders and receipts it remembers at most; what it forgot is read from the log. */
  readonly tracesMax: number;
  revision: number;
  onHand: number;
  /** Every record after this revision and up to `revision` is in `traces`. */
  tracedFrom: number;
  /** By order or receipt, the one written last at the end. */
  readonly traces: Map<string, Trace & { revision: number }>;
  /** How many reservations, releases and receipts are under way here. */
  holders: number;
};

/** A SKU of which nothing is known but its name. */
export const emptyShelf = (sku: Sku, tracesMax: number): Shelf => ({
  sku,
  stream: stockStream(sku),
  tracesMax,
  revision: noStream,
  onHand: 0,
  tracedFrom: noStream,
  traces: new Map(),
  holders: 0,
});

/** A SKU's stream holds stock events, and no others. */
export const asStockRecord = (record: RecordedEvent): StockRecord => {
  if (record.type === 'StockReceived' || record.type === 'StockTaken' || record.type === 'StockReturned')
    return record;
  throw new Error(`${record.stream}: ${record.type} is no stock event`);
};

/** The order or the receipt that a stock event belongs to. */
export const ownerOf = (event: StockEvent): string =>
  event.type === 'StockReceived' ? event.data.receiptId : event.data.orderId;

/** Adds what one record says about its owner. */
export const addTo = (trace: Trace, record: StockRecord): void => {
  if (record.type === 'StockTaken') trace.taken = record.data.quantity;
  else if (record.type === 'StockReturned') trace.returned = true;
  else trace.received = { onHand: record.data.onHand, revision: record.revision };
};

/** Takes the last record as the head, knowing nothing of those before it. */
export const jumpTo = (shelf: Shelf, record: StockRecord): void => {
  shelf.revision = record.revision;
  shelf.onHand = record.data.onHand;
  shelf.tracedFrom = record.revision;
  shelf.traces.clear();
};

/** Learns the next record, which may be learned twice: from its own append, and from a read meanwhile. */
export const learn = (shelf: Shelf, record: StockRecord): void => {
  if (record.revision <= shelf.revision) return;
  if (record.revision !== shelf.revision + 1)
    throw new Error(`${shelf.stream}: revision ${record.revision} follows on ${shelf.revision}`);
  shelf.revision = record.revision;
  shelf.onHand = record.data.onHand;
  const owner = ownerOf(record);
  const trace = shelf.traces.get(owner) ?? { revision: record.revision };
  trace.revision = record.revision;
  addTo(trace, record);
  shelf.traces.delete(owner);
  shelf.traces.set(owner, trace);
  if (shelf.traces.size > shelf.tracesMax) forgetOldest(shelf);
};

const forgetOldest = (shelf: Shelf) => {
  for (const [owner, { revision }] of shelf.traces) {
    shelf.traces.delete(owner);
    shelf.tracedFrom = revision;
    return;
  }
};

/** Holds a SKU: from now on what is written there is remembered. */
export const hold = (shelf: Shelf): void => {
  shelf.holders += 1;
};

/** Lets go of a SKU; when nobody holds it any more, it remembers its head alone. */
export const letGo = (shelf: Shelf): void => {
  shelf.holders -= 1;
  if (shelf.holders > 0) return;
  shelf.traces.clear();
  shelf.tracedFrom = shelf.revision;
};
