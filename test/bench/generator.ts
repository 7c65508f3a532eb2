import { Pool } from 'undici';
import { type Random, randomFrom } from '../random.ts';

/**
 * The load, a process of its own: so many clients, each of which posts an order, waits for its end and posts again.
 * Reads one job as JSON from its argument, writes one `LoadReport` as JSON to stdout.
 */

/** What to do; it ends after `orders` or `seconds`, whichever is first. */
export type LoadJob = {
  /** Each client speaks to one of them. */
  readonly urls: readonly string[];
  readonly clients: number;
  readonly seconds: number;
  readonly orders: number;
  /** The share of orders that will be taken back, 0 to 1. */
  readonly takenBackShare: number;
  readonly seed: number;
};

/** What came of it; latencies in milliseconds from POST to the end. */
export type LoadReport = {
  readonly orders: number;
  readonly completed: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly seconds: number;
  readonly ordersPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU seconds of the load generator itself. */
  readonly cpuSeconds: number;
};

/** SKUs of the bench's catalogue. */
export const benchSkus = Array.from({ length: 500 }, (_, index) => `BENCH-${String(index).padStart(3, '0')}`);

/** Ways in which an order is taken back: by payment, by stock, by the carrier. */
const takenBack = [
  { paymentToken: 'tok_declined' },
  { lines: [{ sku: benchSkus[0], quantity: 1_000_000_000, unitPrice: 1 }] },
  { country: 'Atlantis' },
];

const orderOf = (random: Random, takenBackShare: number) => {
  const lines = Array.from({ length: 3 }, () => ({
    sku: benchSkus[Math.floor(random() * benchSkus.length)],
    quantity: 1 + Math.floor(random() * 3),
    unitPrice: 100 + Math.floor(random() * 5_000),
  }));
  const usual = { currency: 'GBP', country: 'United Kingdom', paymentToken: 'tok_accepted', lines };
  const fails = random() < takenBackShare;
  return JSON.stringify(fails ? { ...usual, ...takenBack[Math.floor(random() * takenBack.length)] } : usual);
};

const load = async (job: LoadJob): Promise<LoadReport> => {
  const pools = job.urls.map((url) => new Pool(url, { connections: job.clients, pipelining: 1 }));
  const random = randomFrom(job.seed);
  const latencies: number[] = [];
  const counts = { completed: 0, cancelled: 0, failed: 0 };
  const begin = performance.now();
  const endAt = begin + job.seconds * 1_000;
  let posted = 0;

  const client = async (_: unknown, number: number) => {
    const pool = pools[number % pools.length]!;
    while (posted < job.orders && performance.now() < endAt) {
      posted += 1;
      const at = performance.now();
      const { statusCode, body } = await pool.request({
        path: '/orders',
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=60' },
        body: orderOf(random, job.takenBackShare),
      });
      const text = await body.text();
      if (statusCode !== 200) counts.failed += 1;
      else if (text.includes('"state":"completed"')) counts.completed += 1;
      else counts.cancelled += 1;
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: job.clients }, client));
  const seconds = (performance.now() - begin) / 1_000;
  await Promise.all(pools.map((pool) => pool.close()));
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  const { user, system } = process.cpuUsage();
  return {
    orders: latencies.length,
    ...counts,
    seconds,
    ordersPerSecond: latencies.length / seconds,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    cpuSeconds: (user + system) / 1e6,
  };
};

if (import.meta.main) process.stdout.write(`${JSON.stringify(await load(JSON.parse(process.argv[2]!)))}\n`);
