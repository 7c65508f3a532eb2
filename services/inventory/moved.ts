import type { EventData } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import { stockStream } from '@recourse/contracts/streams';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { asStockRecord, ownerOf } from './shelf.ts';

/** Records of a SKU's stream that are read at once. */
const batchMax = 256;

/** A part of a SKU's stream in which an order's records are looked for; ends early where nothing more can come. */
type Stretch = {
  readonly sku: EventData['ReservationStarted']['lines'][number]['sku'];
  /** The last revision known to hold nothing of it. */
  readonly after: number;
  /** The last position that can hold anything of it. */
  readonly upTo: number;
  readonly last: 'StockTaken' | 'StockReturned';
};

/**
 * What an order moved in the stock: its records in the streams of the SKUs, up to a position of the log. They are
 * found from the heads that its inventory stream noted, so that a busy SKU is not read from its first record on.
 * `inventory` is that stream, up to the same position.
 */
export const stockMoved = async (
  log: Pick<EventLog, 'readStream'>,
  orderId: OrderId,
  inventory: readonly RecordedEvent[],
  upTo: number,
): Promise<RecordedEvent[]> => {
  const found = await Promise.all(
    stretchesOf(inventory, upTo).map((stretch) => recordsIn(log, orderId, stretch)),
  );
  return found.flat();
};

const stretchesOf = (inventory: readonly RecordedEvent[], head: number): Stretch[] => {
  const started = inventory.find((record) => record.type === 'ReservationStarted');
  if (started === undefined) return [];
  const { lines } = started.data;
  const release = inventory.find((record) => record.type === 'ReleaseStarted');
  const end = inventory.find(({ type }) => type === 'InventoryReleased' || type === 'InventoryFailed');
  const reserved = inventory.find(({ type }) => type === 'InventoryReserved');
  const returnsUpTo = end?.position ?? head;
  // A release that notes no heads began while its reservation was under way: both are behind the same heads.
  if (release !== undefined && release.data.revisions === undefined)
    return lines.map(({ sku, revision }) => ({
      sku,
      after: revision,
      upTo: returnsUpTo,
      last: 'StockReturned',
    }));
  const takes = lines.map(
    ({ sku, revision }): Stretch => ({
      sku,
      after: revision,
      upTo: reserved?.position ?? returnsUpTo,
      last: 'StockTaken',
    }),
  );
  const returns = (release?.data.revisions ?? []).map(
    (after, index): Stretch => ({ sku: lines[index]!.sku, after, upTo: returnsUpTo, last: 'StockReturned' }),
  );
  return [...takes, ...returns];
};

const recordsIn = async (
  log: Pick<EventLog, 'readStream'>,
  orderId: OrderId,
  { sku, after, upTo, last }: Stretch,
): Promise<RecordedEvent[]> => {
  const found: RecordedEvent[] = [];
  for (let from = after + 1; ; from += batchMax) {
    const records = await log.readStream(stockStream(sku), { from, max: batchMax });
    for (const record of records) {
      if (record.position > upTo) return found;
      if (ownerOf(asStockRecord(record)) !== orderId) continue;
      found.push(record);
      if (record.type === last) return found;
    }
    if (records.length < batchMax) return found;
  }
};
