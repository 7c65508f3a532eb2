import { describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { gate } from '../../test/api-kit.ts';
import { startLive } from './live.ts';
import { hasEnded } from './order-view.ts';
import { beginWait } from './waiting.ts';

const orderId = '01a1feab-e491-75ed-bb95-b5af40d2012b' as OrderId;

const record = (position: number, type: string, data: object) =>
  ({
    position,
    type,
    correlation: orderId,
    stream: `order-${orderId}`,
    time: position,
    data,
  }) as unknown as RecordedEvent;
const created = record(1, 'OrderCreated', { total: 1 });
const completed = record(2, 'OrderCompleted', { cancellationRefused: false });
const done = record(3, 'SagaAdvanced', {
  machine: { name: 'order-saga', version: 1 },
  state: { value: 'completed', status: 'done', context: {} },
});

/** A wait for an order, on a log of which `reading` holds the read of the past up. */
const setUp = (past: readonly RecordedEvent[]) => {
  let hand: Parameters<EventLog['follow']>[2] = () => {};
  const reading = gate();
  const log = {
    head: async () => past.length,
    readStream: async (stream: string) => {
      await reading.opened;
      return stream.startsWith('order-') ? past : [];
    },
    follow: (_after: number, _max: number, onRecords: typeof hand) => {
      hand = onRecords;
      return { close: async () => {} };
    },
  } as unknown as EventLog;
  const logger = createLogger({ level: 'silent', pretty: 'json' });
  const live = startLive({ log, after: 0, openOrders: 0, clock: systemClock, logger });
  const wait = beginWait({ live, log, clock: systemClock }, orderId);
  if (wait === undefined) throw new Error('nobody waits yet');
  return { wait, reading, live, comes: (...records: RecordedEvent[]) => void hand(records) };
};

const longMs = 60_000;

describe('a request that waits', () => {
  it('is answered by what comes round, without reading', async () => {
    const { wait, comes } = setUp([]);
    const ended = wait.ended(longMs);
    comes(created, completed, done);
    expect(hasEnded(await ended)).toBe(true);
  });

  it('is answered by what had come round before it was asked', async () => {
    const { wait, comes } = setUp([]);
    comes(created, completed, done);
    expect((await wait.ended(longMs)).sagaDone).toBe(true);
  });

  it('misses nothing that comes round while the past is read', async () => {
    const { wait, reading, comes } = setUp([created]);
    const caughtUp = wait.catchUp();
    comes(completed, done);
    reading.open();
    await caughtUp;
    expect(await wait.ended(longMs)).toMatchObject({ end: 'completed', endedAt: 2, createdAt: 1 });
  });

  it('is not set back by what comes round after it was read', async () => {
    const started = record(2, 'PaymentStarted', {});
    const { wait, reading, comes } = setUp([created, started, record(3, 'PaymentProcessed', {})]);
    const caughtUp = wait.catchUp();
    comes(created, started);
    reading.open();
    await caughtUp;
    expect(await wait.ended(0)).toMatchObject({ payment: 'processed' });
  });

  it('is not set back by what comes round long after it was read either', async () => {
    const started = record(2, 'PaymentStarted', {});
    const { wait, reading, comes } = setUp([created, started, record(3, 'PaymentProcessed', {})]);
    reading.open();
    await wait.catchUp();
    comes(created, started);
    expect(await wait.ended(0)).toMatchObject({ payment: 'processed' });
  });

  it('is answered at once where the past holds the end', async () => {
    const { wait, reading } = setUp([created, completed, done]);
    reading.open();
    await wait.catchUp();
    expect((await wait.ended(longMs)).sagaDone).toBe(true);
  });

  it('is answered with the order as it is when its time is over, when it stops, and when all stop', async () => {
    for (const end of ['time', 'stop', 'close'] as const) {
      const { wait, live, comes } = setUp([]);
      comes(created);
      const ended = wait.ended(end === 'time' ? 1 : longMs);
      if (end === 'stop') wait.stop();
      if (end === 'close') await live.close();
      expect(await ended).toMatchObject({ createdAt: 1, sagaDone: false });
      wait.stop();
      expect(live.counts().waiters).toBe(0);
    }
  });
});
