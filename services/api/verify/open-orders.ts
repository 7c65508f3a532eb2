import { answered } from '@recourse/contracts/answers';
import type { HistoryOf, SoundRecord } from '@recourse/infra/log/verify-history';
import { emptyEntry, type OrderEntry } from './order-entry.ts';

/** Orders kept in memory, and lines of all of them together: an order may have a thousand. */
const ordersKeptMax = 20_000;
const linesMax = 250_000;

/** Orders remembered as lost by their number alone. */
const lostMax = 100_000;

/** What is done with orders. */
type Doing = {
  /** Takes a record of an order; `again`: it was taken before, so what is found is known. */
  readonly hear: (entry: OrderEntry, record: SoundRecord, again: boolean) => void;
  /** Judges an order that has ended, or at the end of the log. */
  readonly judge: (entry: OrderEntry) => void;
  readonly historyOf: HistoryOf;
  /** Orders kept in memory. */
  readonly ordersMax?: number | undefined;
};

/**
 * The orders whose sagas have not ended, as the records so far have left them. Those beyond the bounds, the oldest
 * first, and those that have ended are read again from the log when something comes that matters to them.
 */
export const openOrders = ({ hear, judge, historyOf, ordersMax = ordersKeptMax }: Doing) => {
  const open = new Map<number, OrderEntry>();
  /** Open, and not in memory: their names by their numbers. */
  const evicted = new Map<number, string>();
  const lost = new Set<number>();
  let lines = 0;
  let head = 0;
  let unjudged = 0;

  const linesOf = ({ facts }: OrderEntry) => facts?.lines.length ?? 0;

  const add = (entry: OrderEntry): void => {
    open.set(entry.id, entry);
  };

  const remove = (entry: OrderEntry): void => {
    if (open.delete(entry.id)) lines -= linesOf(entry);
  };

  const evict = (): void => {
    for (const entry of open.values()) {
      if (open.size <= ordersMax && lines <= linesMax) return;
      remove(entry);
      if (entry.spoiled) spoilUnknown(entry.id);
      else evicted.set(entry.id, entry.name);
    }
  };

  const spoilUnknown = (id: number): void => {
    if (lost.size < lostMax) lost.add(id);
    unjudged += 1;
  };

  /** An order as the records before a position have left it. */
  const reload = (id: number, name: string, before: number): OrderEntry => {
    const entry = emptyEntry({ ownerId: id, owner: name });
    for (const record of historyOf(entry, before)) hear(entry, record, true);
    return entry;
  };

  return {
    /** The order of a record, where it matters to any. */
    of: (record: SoundRecord): OrderEntry | undefined => {
      const { ownerId, owner, type, position } = record;
      head = position;
      const known = open.get(ownerId);
      if (known !== undefined) return known;
      if (lost.has(ownerId)) return undefined;
      if (type === 'OrderCreated' && record.revision === 0) {
        const entry = emptyEntry(record);
        add(entry);
        return entry;
      }
      const wasOpen = evicted.delete(ownerId);
      if (!wasOpen && type !== 'SagaAdvanced' && !answered.has(type)) return undefined;
      const entry = reload(ownerId, owner, position);
      if (entry.state.status === 'active') {
        add(entry);
        lines += linesOf(entry);
      }
      return entry;
    },

    /** After a record of it was taken: one that has ended is judged and forgotten, once. */
    heard: (entry: OrderEntry, { type }: SoundRecord): void => {
      if (type === 'OrderCreated') lines += linesOf(entry);
      if (entry.state.status === 'done' && open.has(entry.id)) {
        judge(entry);
        remove(entry);
      }
      if (open.size > ordersMax || lines > linesMax) evict();
    },

    /** Records of it are lost. */
    spoil: (id: number): void => {
      const entry = open.get(id);
      if (entry !== undefined) entry.spoiled = true;
      else if (!lost.has(id)) spoilUnknown(id);
    },

    /** Judges what is still open at the position where the records end. */
    judgeAll: (): void => {
      for (const entry of open.values()) {
        if (entry.spoiled) unjudged += 1;
        else judge(entry);
      }
      for (const [id, name] of evicted) judge(reload(id, name, head + 1));
    },

    /** Orders that could not be judged, because records of theirs are lost or of unknown versions. */
    unjudged: (): number => unjudged,
  };
};
