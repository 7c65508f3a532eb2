import type { Sku } from '@recourse/contracts/ids';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { LRUCache } from 'lru-cache';
import { type Counter, counterService, pageRecordsMax } from './counter.ts';
import { addTo, asStockRecord, emptyShelf, hold, jumpTo, letGo, ownerOf, type Trace } from './shelf.ts';
import { type Answer, answerIn, type Wish, wisher } from './wish.ts';

/** What `openStock` needs. */
export type StockOptions = {
  readonly log: EventLog;
  /** SKUs whose head is remembered. */
  readonly skusCachedMax: number;
  /** The most events of one append to one SKU's stream. */
  readonly skuBatchMax: number;
  /** Orders and receipts that one SKU remembers while some are under way. */
  readonly skuTracesMax: number;
};

/**
 * The stock of all SKUs, each in a stream of its own, as one process changes it while others may too.
 *
 * Knowledge of a SKU is never wrong, only behind: every record of it up to a revision is known, so an append at that
 * revision either succeeds or conflicts with what has to be learned. Hence nothing has to be forgotten, not even
 * after an append whose outcome is unknown.
 */
export const openStock = ({ log, skusCachedMax, skuBatchMax, skuTracesMax }: StockOptions) => {
  const { refresh, enqueue } = counterService(log, skuBatchMax);
  const counters = new LRUCache<Sku, Counter>({ max: skusCachedMax });
  const loading = new Map<Sku, Promise<Counter>>();

  const load = async (sku: Sku): Promise<Counter> => {
    try {
      const counter: Counter = { ...emptyShelf(sku, skuTracesMax), queue: [], working: false };
      const [last] = await log.readStream(counter.stream, { direction: 'backwards', max: 1 });
      if (last === undefined) return counter;
      jumpTo(counter, asStockRecord(last));
      counters.set(sku, counter);
      return counter;
    } finally {
      loading.delete(sku);
    }
  };

  const find = (sku: Sku): Counter | Promise<Counter> => {
    const found = counters.get(sku) ?? loading.get(sku);
    if (found !== undefined) return found;
    const loaded = load(sku);
    loading.set(sku, loaded);
    return loaded;
  };

  /** Reads one page of what was written before the traces begin, for one owner; says how far it got. */
  const readOn = async (counter: Counter, since: number, owner: string, found: Trace): Promise<number> => {
    const records = await log.readStream(counter.stream, { from: since + 1, max: pageRecordsMax });
    if (records.length === 0) throw new Error(`${counter.stream}: no records after ${since}, but there were`);
    for (const it of records) {
      const record = asStockRecord(it);
      if (ownerOf(record) === owner) addTo(found, record);
    }
    return records.at(-1)!.revision;
  };

  return {
    /** A SKU, remembered or loaded by its last record; only SKUs that are known are remembered. */
    find,

    /** Remembers a SKU that is about to become known. */
    adopt: (counter: Counter): void => {
      if (!counters.has(counter.sku)) counters.set(counter.sku, counter);
    },

    /** Learns what others have written to a SKU; true where there was anything. */
    refresh,

    /**
     * Brings a wish to its answer, which is then synced in the SKU's stream (or, for a shortage, was seen at its
     * head). Asked again, it answers from the stream and writes nothing. Rejects with `UnavailableError` as the log.
     */
    ask: async (counter: Counter, wish: Wish): Promise<Answer> => {
      hold(counter);
      try {
        const found: Trace = {};
        for (let { since } = wish; ; ) {
          while (since < counter.tracedFrom) {
            since = await readOn(counter, since, wisher(wish), found);
            const answer = answerIn(found, wish);
            if (answer !== undefined) return answer;
          }
          const answer = await enqueue(counter, wish, since, found);
          if (answer !== 'read-on') return answer;
        }
      } finally {
        letGo(counter);
      }
    },
  };
};

/** What `openStock` opens. */
export type Stock = ReturnType<typeof openStock>;
