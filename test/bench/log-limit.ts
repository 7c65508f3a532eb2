import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { EventId, OrderId } from '@recourse/contracts/ids';
import { type OrderCategory, orderStream } from '@recourse/contracts/streams';
import { openSqliteLog, type SqliteLog } from '../../infra/log/sqlite-log.ts';
import { type NewEvent, noStream } from '../../infra/ports/event-log.ts';
import { systemClock } from '../../infra/system.ts';

/** What the log alone takes on this machine, every append synced. */
export type LogLimit = {
  /** Records a second with `inFlight` orders at once, each of which waits for one append before the next. */
  readonly recordsPerSecond: number;
  readonly inFlight: number;
  /** Appends of one record a second, one at a time. */
  readonly singleAppendsPerSecond: number;
  /** Bytes of the log for an order of 16 records of about 200 bytes of JSON. */
  readonly bytesPerOrder: number;
};

/** The appends of one order: its category, and how many records. */
const orderAppends: readonly (readonly [OrderCategory, number])[] = [
  ['order', 1],
  ['saga', 1],
  ['payment', 1],
  ['payment', 1],
  ['saga', 1],
  ['inventory', 1],
  ['saga-input', 3],
  ['inventory', 1],
  ['saga', 1],
  ['shipping', 1],
  ['shipping', 1],
  ['saga', 1],
  ['order', 1],
  ['saga', 1],
];

const recordsPerOrder = orderAppends.reduce((sum, [, count]) => sum + count, 0);

/** About 200 bytes of JSON. */
const data = {
  commandId: randomUUID(),
  chargeId: `ch_${randomUUID()}`,
  amount: 129_900,
  currency: 'EUR' as const,
  note: 'n'.repeat(80),
};

const newEvent = (correlation: string): NewEvent => ({
  type: 'PaymentProcessed',
  data: data as unknown as NewEvent<'PaymentProcessed'>['data'],
  id: randomUUID() as EventId,
  correlation,
  causation: randomUUID(),
});

/** Appends the records of one order, one append after the other. */
const runOrder = async (log: SqliteLog): Promise<void> => {
  const orderId = randomUUID() as OrderId;
  const heads = new Map<OrderCategory, number>();
  for (const [category, count] of orderAppends) {
    const events = Array.from({ length: count }, () => newEvent(orderId));
    const { revision } = await log.append(
      orderStream(category, orderId),
      heads.get(category) ?? noStream,
      events,
    );
    heads.set(category, revision);
  }
};

/** Runs orders, so many at once, and answers records a second. */
const runOrders = async (log: SqliteLog, orders: number, inFlight: number): Promise<number> => {
  const startedAt = performance.now();
  let begun = 0;
  const client = async () => {
    while (begun < orders) {
      begun += 1;
      await runOrder(log);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, client));
  return (orders * recordsPerOrder * 1_000) / (performance.now() - startedAt);
};

/** Measures the log alone for some seconds, in a file of its own in `folder`, which must exist. */
export const measureLogLimit = async (folder: string): Promise<LogLimit> => {
  const path = join(folder, 'log-limit.db');
  const log = openSqliteLog({ path, clock: systemClock });
  const inFlight = 256;
  const orders = 20_000;
  try {
    await runOrders(log, 2_000, inFlight);
    const bytesBefore = log.storedBytes();
    const recordsPerSecond = await runOrders(log, orders, inFlight);
    const bytesPerOrder = (log.storedBytes() - bytesBefore) / orders;
    const singles = 5_000;
    const startedAt = performance.now();
    const stream = orderStream('order', randomUUID() as OrderId);
    for (let revision = noStream; revision < singles + noStream; revision += 1)
      await log.append(stream, revision, [newEvent('limit')]);
    const singleAppendsPerSecond = (singles * 1_000) / (performance.now() - startedAt);
    return { recordsPerSecond, inFlight, singleAppendsPerSecond, bytesPerOrder };
  } finally {
    await log.close();
    for (const ending of ['', '-wal', '-shm']) rmSync(path + ending, { force: true });
  }
};
