import { describe, expect, it } from '@jest/globals';
import type { EventType } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { linesInto } from '../../test/api-kit.ts';
import { type LiveOptions, startLive } from './live.ts';

const [a, b] = ['order-a', 'order-b'] as [OrderId, OrderId];

type Fed = [OrderId, EventType, number?];

/** A live follower, fed by hand. */
const setUp = (options: Partial<LiveOptions> = {}) => {
  const followers = new Map<number, Parameters<EventLog['follow']>[2]>();
  const log = {
    follow: (after: number, _max: number, hand: Parameters<EventLog['follow']>[2]) => {
      followers.set(after, hand);
      return { close: async () => void followers.delete(after) };
    },
  } as unknown as EventLog;
  const lines: string[] = [];
  const logger = createLogger({ level: 'debug', pretty: 'json', destination: linesInto(lines) });
  const live = startLive({ log, after: 0, openOrders: 0, clock: systemClock, logger, ...options });
  /** Hands records to the follower that began after a position, the next ones each time. */
  const feeding = (after: number) => {
    let position = after;
    return (...records: Fed[]) =>
      followers.get(after)?.(
        records.map(([correlation, type, time = 0]) => {
          position += 1;
          return { position, type, correlation, time } as unknown as RecordedEvent;
        }),
      );
  };
  return { live, feed: feeding(options.head ?? 0), feedPast: feeding(0), followers, lines };
};

/** A watcher that writes down what it is told. */
const listener = () => {
  const heard: string[] = [];
  return {
    heard,
    onRecord: ({ type }: RecordedEvent) => void heard.push(type),
    onClose: () => void heard.push('closed'),
  };
};

describe('the follower for all who wait', () => {
  it('tells each watcher of its own order only, from when it came until it left', () => {
    const { live, feed } = setUp();
    const [one, two] = [listener(), listener()];
    feed([a, 'OrderCreated']);
    const leave = live.watch('waiter', a, one);
    live.watch('stream', a, two);
    feed([a, 'PaymentStarted'], [b, 'OrderCreated'], [a, 'PaymentProcessed']);
    leave?.();
    leave?.();
    feed([a, 'OrderShipped']);
    expect(one.heard).toEqual(['PaymentStarted', 'PaymentProcessed']);
    expect(two.heard).toEqual(['PaymentStarted', 'PaymentProcessed', 'OrderShipped']);
    expect(live.counts()).toEqual({ waiters: 0, streams: 1 });
  });

  it('goes on telling the others where one fails, and where one leaves meanwhile', () => {
    const { live, feed, lines } = setUp();
    const [broken, leaving, last] = [listener(), listener(), listener()];
    live.watch('waiter', a, {
      ...broken,
      onRecord: () => {
        throw new Error('broken');
      },
    });
    const leave = live.watch('waiter', a, { ...leaving, onRecord: () => leave?.() });
    live.watch('waiter', a, last);
    feed([a, 'OrderCreated'], [a, 'PaymentStarted']);
    expect(last.heard).toEqual(['OrderCreated', 'PaymentStarted']);
    expect(lines.length).toBe(2);
  });

  it('takes no more of a kind than it may', () => {
    const { live } = setUp({ waitersMax: 1, streamsMax: 1 });
    const leave = live.watch('waiter', a, listener());
    expect(live.watch('waiter', b, listener())).toBeUndefined();
    expect(live.watch('stream', b, listener())).toBeDefined();
    leave?.();
    expect(live.watch('waiter', b, listener())).toBeDefined();
  });

  it('tells everybody once when it closes', async () => {
    const { live } = setUp();
    const [one, two] = [listener(), listener()];
    live.watch('waiter', a, one);
    live.watch('stream', b, two);
    await live.close();
    expect([one.heard, two.heard]).toEqual([['closed'], ['closed']]);
  });
});

describe('the count of open orders', () => {
  it('goes up with OrderCreated and down with either end', () => {
    const { live, feed } = setUp();
    feed([a, 'OrderCreated'], [b, 'OrderCreated']);
    expect(live.openOrders()).toBe(2);
    feed([a, 'OrderCompleted'], [b, 'OrderCancelled']);
    expect(live.openOrders()).toBe(0);
  });

  it('goes on from the count at the start, which it never passes downwards', () => {
    const { live, feed } = setUp({ openOrders: 2 });
    feed([a, 'OrderCancelled']);
    expect(live.openOrders()).toBe(1);
    feed([b, 'OrderCompleted'], ['order-c' as OrderId, 'OrderCompleted']);
    expect(live.openOrders()).toBe(0);
  });

  it('counts an order that is expected, once', () => {
    const { live, feed } = setUp();
    live.expect(a);
    live.expect(b);
    expect(live.openOrders()).toBe(2);
    live.unexpect(b);
    feed([a, 'OrderCreated']);
    live.unexpect(a);
    expect(live.openOrders()).toBe(1);
  });

  it('knows only what has begun since the start until the past is counted, so that its length refuses nobody', () => {
    const { live, feed, feedPast, followers } = setUp({ openOrders: 3, head: 4 });
    expect(live.openOrders()).toBe(0);
    feedPast([a, 'OrderCompleted'], [b, 'OrderCreated'], ['order-c' as OrderId, 'OrderCancelled']);
    feed(['order-d' as OrderId, 'OrderCreated']);
    expect(live.openOrders()).toBe(1);
    feedPast([a, 'SagaAdvanced'], ['order-d' as OrderId, 'OrderCreated']);
    expect(live.openOrders()).toBe(3);
    expect([...followers.keys()]).toEqual([4]);
  });

  it('does not count twice what ends while the past is counted', () => {
    const { live, feed, feedPast } = setUp({ head: 2 });
    feed([a, 'OrderCompleted']);
    expect(live.openOrders()).toBe(0);
    feedPast([a, 'OrderCreated'], [b, 'OrderCreated']);
    expect(live.openOrders()).toBe(1);
    feed([b, 'OrderCancelled']);
    expect(live.openOrders()).toBe(0);
  });

  it('tells those who watch only of what comes after the head, without waiting for the past', () => {
    const ended: unknown[] = [];
    const { live, feed, feedPast } = setUp({ head: 2, onEnded: (...args) => void ended.push(args) });
    const one = listener();
    live.watch('waiter', a, one);
    expect(live.position()).toBe(2);
    feed([a, 'PaymentStarted']);
    feedPast([a, 'OrderCreated', 1], [a, 'OrderCompleted', 2]);
    expect([one.heard, ended]).toEqual([['PaymentStarted'], []]);
  });

  it('says how each order ended and how long it took', () => {
    const ended: [string, number][] = [];
    const { feed } = setUp({ openOrders: 1, onEnded: (...args) => void ended.push(args) });
    feed([a, 'OrderCreated', 1_000], [a, 'OrderCompleted', 1_250], [b, 'OrderCancelled', 2_000]);
    expect(ended).toEqual([['completed', 250]]);
  });
});
