import { ConflictError } from '@recourse/infra/errors';
import type { EventLog, NewEvent } from '@recourse/infra/ports/event-log';
import { asStockRecord, learn, type Shelf, type StockRecord, type Trace } from './shelf.ts';
import { type Answer, answerBy, answerIn, fulfil, stampWish, type Wish, wisher } from './wish.ts';

/** How many records of one SKU are read at once. */
export const pageRecordsMax = 500;

/** How often one batch may find that another process wrote first: somebody went on each time. */
const attemptsMax = 100;

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

/** Serves those who wait for a SKU: joins them into one append to its stream after the other. */
export const counterService = (log: EventLog, skuBatchMax: number) => {
  /** Learns what others have written to a SKU; true where there was anything. */
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

  /** Waits for its turn; `read-on` where the SKU no longer remembers all that was written after `since`. */
  const enqueue = (counter: Counter, wish: Wish, since: number, found: Trace): Promise<Answer | 'read-on'> =>
    new Promise((settle, reject) => {
      counter.queue.push({ wish, since, found, settle, reject });
      if (counter.working) return;
      counter.working = true;
      startSoon(counter);
    });

  return { refresh, enqueue };
};
