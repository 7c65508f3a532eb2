import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { until } from '../shop.ts';
import { describeOnStack } from '../stack/kit.ts';
import { allEnded, badDayMsMax, endRuns, freshPlace, type Place, type Run, runRecourse } from './bad-days.ts';

jest.setTimeout(badDayMsMax);

/** Longer than a session of a consumer and a lease together. */
const pausedMs = 14_000;
const atOnce = 8;
const groups = ['orchestrator', 'timers', 'order', 'payment', 'inventory', 'shipping'];

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describeOnStack('one of two processes with all roles, under load,', () => {
  let place: Place;
  let one: Run;
  let other: Run;

  const start = async (args: readonly string[] = []) => {
    const run = await runRecourse(place.environment, args);
    await run.ready();
    return run;
  };
  beforeAll(async () => {
    place = await freshPlace(4);
    other = await start();
    one = await start();
    await other.stockUp({ 'SKU-A': 1_000_000 });
  });
  afterAll(async () => {
    await endRuns();
    await place?.drop();
  });

  /** Orders at the other one, until `stop`, which resolves with those that were acknowledged. */
  const load = () => {
    let stopping = false;
    const acknowledged: string[] = [];
    const client = async () => {
      while (!stopping) {
        acknowledged.push(await other.place());
        await pause(50);
      }
    };
    const clients = Array.from({ length: atOnce }, client);
    return {
      acknowledged,
      stop: async () => {
        stopping = true;
        await Promise.all(clients);
        return acknowledged;
      },
    };
  };
  const membersOf = async () => {
    const described = await place.admin.describeGroups(groups.map((it) => place.prefix + it));
    return described.groups.map(({ members }) => members.length);
  };
  const nothingLostNorTwice = async (orders: readonly string[]) => {
    expect(await allEnded(other, orders)).toEqual({ completed: orders.length });
    expect((await other.get('/dead-letters')).body.items).toEqual([]);
    const ledger = await until(
      () => other.ledger(),
      ({ orders: { open } }) => open === 0,
      60_000,
    );
    expect(ledger.violations).toEqual([]);
    for (const table of ['simulated_charges', 'simulated_shipments']) {
      const twice = await place.database.postgres.query(
        `select "orderId" from ${table} group by 1 having count(*) > 1`,
      );
      expect([table, twice]).toEqual([table, []]);
    }
  };

  it('is paused for longer than its session and its leases: the other goes on alone, and no harm comes of it later', async () => {
    await until(membersOf, (counts) => counts.every((it) => it === 2));
    const running = load();
    await pause(1_000);
    one.signal('SIGSTOP');
    await pause(pausedMs);
    await until(membersOf, (counts) => counts.every((it) => it === 1));
    // Whatever partition it is in: the other has them all.
    await allEnded(other, await Promise.all([1, 2, 3, 4, 5, 6].map(() => other.place())), 60_000);
    one.signal('SIGCONT');
    await pause(3_000);
    await nothingLostNorTwice(await running.stop());
    // It is as good as new, or has left for another to be started.
    await one.ready().catch((error) => {
      if (one.end() === undefined) throw error;
    });
    expect([undefined, 1]).toContain(one.end());
  });

  it('is stopped: within 10 s, with exit code 0, its groups and leases given back at once', async () => {
    if (one.end() !== undefined) one = await start();
    await until(membersOf, (counts) => counts.every((it) => it === 2), 60_000);
    const running = load();
    await pause(1_000);
    const begin = performance.now();
    one.signal('SIGTERM');
    expect(await one.ended).toBe(0);
    expect(performance.now() - begin).toBeLessThan(10_000);
    expect(one.said()).not.toMatch(/Not done after/);
    // In less than a session, after which it would have been missed.
    await until(membersOf, (counts) => counts.every((it) => it === 1), 4_000);
    const leases = await place.database.postgres.query<{ holders: number }>(
      'select count(distinct owner)::integer as holders from lease where until > now()',
    );
    expect(leases[0]!.holders).toBeLessThanOrEqual(1);
    await nothingLostNorTwice(await running.stop());
  });

  it('is told twice: it leaves at once, and the next one ends what was in hand', async () => {
    // What it has in hand takes longer than we take to see that, and is not asked for in vain meanwhile.
    const slow = ['--gateway-latency-ms', '9000', '--call-ms-max', '18000'];
    one = await start([...slow, '--ask-delays-ms', '2000,4000,8000,16000']);
    other.signal('SIGTERM');
    expect(await other.ended).toBe(0);
    await one.ready();
    const orderId = await one.place();
    await until(
      () => one.told(orderId),
      (told) => told.includes('PaymentStarted'),
      30_000,
    );
    one.signal('SIGTERM');
    await pause(800);
    expect(one.end()).toBeUndefined();
    const begin = performance.now();
    one.signal('SIGTERM');
    expect(await one.ended).toBe(143);
    expect(performance.now() - begin).toBeLessThan(8_000);
    other = await start();
    await nothingLostNorTwice([orderId]);
  });
});
