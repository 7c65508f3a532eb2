import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { until, usualOrder } from '../shop.ts';
import { describeOnOwnServers } from '../stack/kit.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { allEnded, badDayMsMax, endRuns, type Run, runRecourse } from './bad-days.ts';

/** Longer than a session of a consumer, and than a lease. */
const awayMs = 9_000;
/** How long a call may wait for a database that says nothing: the 10 s that are promised, on a busy machine. */
const answerMsMax = 15_000;
/** What it may grow by while it refuses everything. */
const grownMbMax = 150;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

jest.setTimeout(badDayMsMax);

describeOnOwnServers('while it runs', () => {
  let stack: Stack;
  let run: Run;
  const acknowledged: string[] = [];

  beforeAll(async () => {
    stack = await startStack();
    run = await runRecourse({ ...stack.environment, KAFKA_PARTITIONS: '4', LOG_LEVEL: 'warn' }, [
      ...['--gateway-latency-ms', '100'],
    ]);
    await run.ready();
    await run.stockUp({ 'SKU-A': 1_000_000 });
  });
  afterEach(() => {
    acknowledged.length = 0;
  });
  afterAll(async () => {
    await endRuns();
    await stack?.stop();
  });

  /** Many orders at once; resolves with the answers' statuses. Notes what was acknowledged. */
  const order = (count: number, key: string) =>
    Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const { status, body, headers } = await run.post('/orders', usualOrder, {
          'idempotency-key': `${key}-${index}`,
        });
        if (status <= 202) acknowledged.push(body.orderId);
        else
          expect([status, body.code, Number(headers.get('retry-after')) > 0]).toEqual([
            503,
            'unavailable',
            true,
          ]);
        return status;
      }),
    );

  const allIsWellAgain = async () => {
    await run.ready();
    expect(await allEnded(run, acknowledged)).toEqual({ completed: acknowledged.length });
    expect((await run.get('/dead-letters')).body.items).toEqual([]);
    const ledger = await until(
      () => run.ledger(),
      ({ orders }) => orders.open === 0,
    );
    expect(ledger.violations).toEqual([]);
    expect(run.end()).toBeUndefined();
  };

  const notReady = async (why: RegExp) => {
    const { body } = await until(
      () => run.get('/health/ready'),
      ({ status, body }) => status === 503 && why.test(JSON.stringify(body)),
      40_000,
    );
    expect((await run.get('/health/live')).status).toBe(200);
    return body;
  };

  it('PostgreSQL goes away: 503 with Retry-After, nothing lost, no dead letter, and it goes on by itself', async () => {
    await order(60, 'before');
    const [known] = acknowledged;
    await stack.postgres.stop('immediate');
    const begin = performance.now();
    await notReady(/PostgreSQL/);
    const memoryBefore = await run.memoryMb();
    while (performance.now() - begin < awayMs) {
      expect(new Set(await order(50, 'during'))).toEqual(new Set([503]));
      for (const path of [`/orders/${known}`, '/orders', '/sagas', '/ledger', '/dead-letters']) {
        const { status, headers } = await run.get(path);
        expect([path, status, Number(headers.get('retry-after')) > 0]).toEqual([path, 503, true]);
      }
      await pause(100);
    }
    expect((await run.memoryMb()) - memoryBefore).toBeLessThan(grownMbMax);
    await stack.postgres.start();
    await allIsWellAgain();
    expect(new Set(await order(50, 'during'))).toEqual(new Set([202]));
    await allIsWellAgain();
  });

  it('PostgreSQL is there and answers nobody: 503 in a bounded time, and it goes on by itself', async () => {
    await order(30, 'frozen-before');
    const [known] = acknowledged;
    stack.postgres.pause();
    const begin = performance.now();
    const waited: [what: string, ms: number][] = [];
    const timed = async <T>(what: string, asked: Promise<T>): Promise<T> => {
      const answer = await asked;
      waited.push([what, performance.now() - begin]);
      return answer;
    };
    const refused = async (path: string) => {
      const { status, headers } = await timed(path, run.get(path));
      expect([path, status, Number(headers.get('retry-after')) > 0]).toEqual([path, 503, true]);
    };
    const [statuses] = await Promise.all([
      timed('order', order(20, 'frozen-during')),
      ...[`/orders/${known}`, '/orders', '/sagas', '/ledger', '/dead-letters'].map(refused),
    ]);
    await notReady(/PostgreSQL/);
    stack.postgres.resume();
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(waited.filter(([, ms]) => ms > answerMsMax)).toEqual([]);
    await allIsWellAgain();
    expect(new Set(await order(20, 'frozen-during'))).toEqual(new Set([202]));
    await allIsWellAgain();
  });

  it('PostgreSQL only reads: 503 for what is new, reads go on, and it goes on by itself', async () => {
    const readOnly = async (value: 'on' | 'off') => {
      const client = new pg.Client({ connectionString: stack.environment.POSTGRES_URL });
      await client.connect();
      await client.query(`alter system set default_transaction_read_only = ${value}`);
      await client.query('select pg_reload_conf()');
      await client.end();
    };
    await order(60, 'only-reads-before');
    await readOnly('on');
    await notReady(/only reads|read-only/);
    const [known] = acknowledged;
    for (let round = 0; round < 20; round += 1) {
      expect(new Set(await order(20, 'only-reads-during'))).toEqual(new Set([503]));
      expect((await run.get(`/orders/${known}`)).status).toBe(200);
      await pause(200);
    }
    await readOnly('off');
    await allIsWellAgain();
    expect(new Set(await order(20, 'only-reads-during'))).toEqual(new Set([202]));
    await allIsWellAgain();
  });

  it('Kafka goes away: orders are taken, and end when it is back', async () => {
    await order(60, 'kafka-before');
    await stack.kafka.kill();
    expect(new Set(await order(50, 'kafka-during'))).toEqual(new Set([202]));
    const [known] = acknowledged;
    expect((await run.get(`/orders/${known}`)).status).toBe(200);
    await notReady(/Kafka/);
    await stack.kafka.start();
    await allIsWellAgain();
  });
});
