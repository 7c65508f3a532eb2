import type { Sku } from '@recourse/contracts/ids';
import { ConflictError } from '@recourse/infra/errors';
import type { EventLog, NewEvent } from '@recourse/infra/ports/event-log';
import { LRUCache } from 'lru-cache';
import {
  addTo,
  asStockRecord,
  emptyShelf,
  hold,
  jumpTo,
  learn,
  letGo,
  ownerOf,
  type Shelf,
  type StockRecord,
  type Trace,
} from './shelf.ts';
import { type Answer, answerBy, answerIn, fulfil, stampWish, type Wish, wisher } from './wish.ts';

/** How many records of one SKU are read at once. */
const pageRecordsMax = 500;

/** How often one batch may find that another process wrote first: somebody went on each time. */
const attemptsMax = 100;

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

type Waiting = {
  readonly wish: Wish;
  /** Up to here the stream was read for it, or holds nothing of it; what follows is in the SKU's traces. */
  readonly since: number;
  /** What was read for it. */
  readonly found: Trace;
  readonly settle: (answer: Answer | 'read-on') => void;
  readonly reject: (error: unknown) => void;
};

/** A SKU with those who wait for it. One append is in flight a SKU; what arrives meanwhile goes into the next. */
export type Counter = Shelf & { readonly queue: Waiting[]; working: boolean };

/** What one append would bring to each of a batch. */
type Plan = {
  readonly events: NewEvent[];
  readonly asked: Waiting[];
  readonly short: { readonly waiting: Waiting; readonly onHand: number }[];
};

/**
 * The stock of all SKUs, each in a stream of its own, as one process changes it while others may too.
 *
 * Knowledge of a SKU is never wrong, only behind: every record of it up to a revision is known, so an append at that
 * revision either succeeds or conflicts with what has to be learned. Hence nothing has to be forgotten, not even
 * after an append whose outcome is unknown.
 */
export const openStock = ({ log, skusCachedMax, skuBatchMax, skuTracesMax }: StockOptions) => {
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

  const refresh = async (counter: Counter): Promise<boolean> => {
    const before = counter.revision;
    for (;;) {
      const from = counter.revision + 1;
      const records = await log.readStream(counter.stream, { from, max: pageRecordsMax });
      for (const record of records) learn(counter, asStockRecord(record));
      if (records.length < pageRecordsMax) return counter.revision > before;
    }
  };

  /** Answers at once what the stream answers already, and plans one append for the rest. */
  const planFor = (counter: Counter, batch: readonly Waiting[]): Plan => {
    const plan: Plan = { events: [], asked: [], short: [] };
    const owners = new Set<string>();
    let { onHand } = counter;
    for (const waiting of batch) {
      const { wish, since, found } = waiting;
      const owner = wisher(wish);
      const traced = counter.traces.get(owner);
      const answer = answerIn(traced, wish);
      if (answer !== undefined) waiting.settle(answer);
      else if (since < counter.tracedFrom) waiting.settle('read-on');
      // Two wishes of one order: the second sees what became of the first.
      else if (owners.has(owner)) counter.queue.unshift(waiting);
      else {
        owners.add(owner);
        const event = fulfil(wish, traced?.taken ?? found.taken, onHand);
        if (event === 'short') plan.short.push({ waiting, onHand });
        else {
          onHand = event.data.onHand;
          plan.asked.push(waiting);
          plan.events.push(stampWish(wish, counter, event));
        }
      }
    }
    return plan;
  };

  /** Appends right after what is known of the SKU; false where others had written: then that is learned. */
  const write = async (counter: Counter, { events, asked }: Plan): Promise<boolean> => {
    const expected = counter.revision;
    try {
      await log.append(counter.stream, expected, events);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      await refresh(counter);
      return false;
    }
    events.forEach((event, index) => {
      const record = { ...event, revision: expected + 1 + index } as StockRecord;
      learn(counter, record);
      asked[index]!.settle(answerBy(record));
    });
    return true;
  };

  /** Brings a batch to its answers. A shortage is told only when the head that shows it is known to be the head. */
  const serve = async (counter: Counter, batch: readonly Waiting[]): Promise<void> => {
    let rest = batch;
    try {
      for (let attempts = 0; attempts < attemptsMax; attempts += 1) {
        const plan = planFor(counter, rest);
        rest = [...plan.asked, ...plan.short.map(({ waiting }) => waiting)];
        if (rest.length === 0) return;
        const isHead = plan.events.length > 0 ? await write(counter, plan) : !(await refresh(counter));
        if (!isHead) continue;
        for (const { waiting, onHand } of plan.short) waiting.settle({ type: 'short', onHand });
        return;
      }
      throw new Error(`${counter.stream}: others wrote first ${attemptsMax} times`);
    } catch (error) {
      for (const { reject } of rest) reject(error);
    }
  };

  const work = async (counter: Counter): Promise<void> => {
    await serve(counter, counter.queue.splice(0, skuBatchMax));
    if (counter.queue.length > 0) startSoon(counter);
    else counter.working = false;
  };

  /** After all that is ready to run now has run: whoever wakes up together with this one goes into one append. */
  const startSoon = (counter: Counter) => process.nextTick(work, counter);

  const enqueue = (counter: Counter, wish: Wish, since: number, found: Trace): Promise<Answer | 'read-on'> =>
    new Promise((settle, reject) => {
      counter.queue.push({ wish, since, found, settle, reject });
      if (counter.working) return;
      counter.working = true;
      startSoon(counter);
    });

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
