import type { OrderId } from '@recourse/contracts/ids';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import type { Logger } from 'pino';

/** Who watches an order: told of each of its records, stock included, in the log's order. Must not throw. */
export type Watcher = {
  onRecord(record: RecordedEvent): void;
  /** Called once when the process stops: end what you are doing. */
  onClose(): void;
};

/** What `startLive` needs. */
export type LiveOptions = {
  readonly log: EventLog;
  /** How many orders were open at a position, which may lie far behind the log's head. */
  readonly after: number;
  readonly openOrders: number;
  /** The log's head, read after those: what comes after it is told. Default: `after`. */
  readonly head?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Waiting requests, and event streams, at a time. */
  readonly waitersMax?: number;
  readonly streamsMax?: number;
  /**
   * Told of every order that begins and ends after `head`: how, and how long it took by the log's own times, in
   * milliseconds.
   */
  readonly onEnded?: (outcome: 'completed' | 'cancelled', durationMs: number) => void;
};

/** One follower of the log for all who wait for an order or watch a saga. */
export type Live = {
  /**
   * Orders that are open, those now being created included. Too few while what lies between `after` and `head` is
   * being counted: until then only those that have begun since count, for how many of the others are left is not known.
   */
  openOrders(): number;
  /** Counts an order as open before its first record has come round. Undo it where the order was not created. */
  expect(orderId: OrderId): void;
  unexpect(orderId: OrderId): void;
  /** Tells a watcher of every record of an order from now on; undefined where too many watch. Call the result to stop. */
  watch(kind: 'waiter' | 'stream', orderId: OrderId, watcher: Watcher): (() => void) | undefined;
  /** How many watch now. */
  counts(): { readonly waiters: number; readonly streams: number };
  /** The position of the last record seen. */
  position(): number;
  /** Ends every waiter and stream, then the follower. */
  close(): Promise<void>;
};

/** Records handed over at a time. */
const batchMax = 1_000;

/** The time of an order whose OrderCreated has not come round yet. */
const expected = -1;

/**
 * Follows the log once for everybody, from its head on: who watches never waits for what was before. A record that nobody watches costs one look-up; those that open or end an
 * order are counted besides, which is what the valve of `POST /orders` looks at.
 */
export const startLive = (options: LiveOptions): Live => {
  const { log, logger, onEnded, waitersMax = 20_000, streamsMax = 1_000 } = options;
  const { after, head = after } = options;
  const watchers = new Map<string, Watcher[]>();
  /** Open orders that began after `head`: when, in milliseconds since 1970. */
  const open = new Map<string, number>();
  /** Those that began before: how many, once all up to `head` is counted. */
  let openFromBefore = options.openOrders;
  let counted = after;
  let position = head;
  const watching = { waiter: 0, stream: 0 };
  const watchingMax = { waiter: waitersMax, stream: streamsMax };

  const end = (record: RecordedEvent, outcome: 'completed' | 'cancelled') => {
    const since = open.get(record.correlation);
    if (since === undefined || since === expected) {
      openFromBefore -= 1;
      return;
    }
    open.delete(record.correlation);
    onEnded?.(outcome, record.time - since);
  };

  /** Counts what happened between the position of the first count and `head`; nobody watches that. */
  const countPast = () => {
    const past = log.follow(after, batchMax, (records) => {
      for (const { position: at, type } of records) {
        if (at > head) break;
        if (type === 'OrderCreated') openFromBefore += 1;
        else if (type === 'OrderCompleted' || type === 'OrderCancelled') openFromBefore -= 1;
      }
      counted = Math.max(counted, records.at(-1)?.position ?? counted);
      if (counted >= head) void past.close();
    });
    return past;
  };

  const tell = (watcher: Watcher, record: RecordedEvent) => {
    try {
      watcher.onRecord(record);
    } catch (error) {
      // Thrown on, it would bring the whole batch again to everybody.
      logger.error({ err: error, orderId: record.correlation }, 'a watcher failed');
    }
  };

  const onRecords = (records: readonly RecordedEvent[]) => {
    for (const record of records) {
      position = record.position;
      if (record.type === 'OrderCreated') open.set(record.correlation, record.time);
      else if (record.type === 'OrderCompleted') end(record, 'completed');
      else if (record.type === 'OrderCancelled') end(record, 'cancelled');
      const told = watchers.get(record.correlation);
      if (told === undefined) continue;
      // A watcher that has heard enough leaves while it is told: the list it leaves is not this one.
      for (const watcher of told) tell(watcher, record);
    }
  };

  const watch: Live['watch'] = (kind, orderId, watcher) => {
    if (watching[kind] >= watchingMax[kind]) return undefined;
    watching[kind] += 1;
    const others = watchers.get(orderId);
    watchers.set(orderId, others === undefined ? [watcher] : [...others, watcher]);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      watching[kind] -= 1;
      const rest = watchers.get(orderId)?.filter((other) => other !== watcher) ?? [];
      if (rest.length === 0) watchers.delete(orderId);
      else watchers.set(orderId, rest);
    };
  };

  const following = log.follow(head, batchMax, onRecords);
  const counting = after < head ? countPast() : undefined;

  return {
    openOrders: () => open.size + (counted < head ? 0 : Math.max(0, openFromBefore)),
    expect: (orderId) => {
      if (!open.has(orderId)) open.set(orderId, expected);
    },
    unexpect: (orderId) => {
      if (open.get(orderId) === expected) open.delete(orderId);
    },
    watch,
    counts: () => ({ waiters: watching.waiter, streams: watching.stream }),
    position: () => position,
    close: async () => {
      for (const told of [...watchers.values()]) for (const watcher of told) watcher.onClose();
      await counting?.close();
      await following.close();
    },
  };
};
