import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { readConfig } from '@recourse/host/config';
import { type DistributedProcess, startDistributed } from '@recourse/host/distributed/distributed';
import type { Clock } from '@recourse/infra/ports/clock';
import { systemClock } from '@recourse/infra/system';
import { shopAt, shopFlags, until } from '../shop.ts';
import { describeOnStack } from '../stack/kit.ts';
import { allEnded, badDayMsMax, freshPlace, type Place } from './bad-days.ts';
import { providerOutOfReach } from './following.ts';

jest.setTimeout(badDayMsMax);

const skewMs = 10 * 60_000;
const skewed = (byMs: number): Clock => ({ ...systemClock, now: () => systemClock.now() + byMs });

describeOnStack('clocks that differ by twenty minutes', () => {
  let place: Place;
  const running: DistributedProcess[] = [];
  const fatal: Error[] = [];

  beforeAll(async () => {
    place = await freshPlace(4);
  });
  afterAll(async () => {
    await Promise.all(running.map((it) => it.close()));
    await place.drop();
  });

  const start = async (byMs: number, wrapGateway = providerOutOfReach().wrapGateway) => {
    const config = readConfig(shopFlags, { ...place.environment, LOG_LEVEL: 'silent' });
    const clock = skewed(byMs);
    const started = await startDistributed(config, {
      clock,
      wrapGateway,
      onFatal: (error) => fatal.push(error),
    });
    running.push(started);
    const shop = shopAt(started.url);
    await until(
      () => shop.get('/health/ready'),
      ({ status }) => status === 200,
      60_000,
    );
    return { ...shop, close: started.close };
  };
  const holders = async () => {
    const rows = await place.database.postgres.query<{ kind: string; holders: number; held: number }>(
      `select kind, count(distinct owner)::integer as holders, count(*)::integer as held
       from lease where until > now() group by kind order by kind`,
    );
    return rows;
  };

  it('break nothing: leases are shared, orders end, timers fire in time, and another takes them up', async () => {
    const provider = providerOutOfReach();
    const ahead = await start(skewMs, provider.wrapGateway);
    const behind = await start(-skewMs, provider.wrapGateway);
    await ahead.stockUp({ 'SKU-A': 1_000 });
    // Leases run by PostgreSQL's clock: both have their share, and nothing is on its way from one to the other.
    const [shared] = await until(
      async () => {
        const before = await holders();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        return [before, await holders()] as const;
      },
      ([kinds, later]) =>
        kinds.length > 0 &&
        kinds.every(({ held, holders }) => held < 2 || holders === 2) &&
        JSON.stringify(kinds) === JSON.stringify(later),
      60_000,
    );
    const orders = await Promise.all(
      Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? ahead : behind).place()),
    );
    expect(await allEnded(ahead, orders)).toEqual({ completed: 24 });
    expect(await holders()).toEqual(shared);

    // Asked again and again, by timers of both; then by those that one has to take up from the other.
    const waiting = await Promise.all(
      Array.from({ length: 8 }, () => behind.place({ paymentToken: provider.token })),
    );
    for (const orderId of waiting)
      await until(
        () => behind.saga(orderId),
        ({ steps }) => steps.length > 2,
        30_000,
      );
    await ahead.close();
    provider.comeBack();
    await allEnded(behind, waiting, 60_000);
    for (const orderId of orders) {
      const { body } = await behind.get(`/sagas/${orderId}/history`);
      const times = body.events.map(({ time }) => Date.parse(time));
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(Math.abs(times[0]! - Date.now())).toBeLessThan(skewMs / 2);
    }
    expect((await behind.get('/dead-letters')).body.items).toEqual([]);
    const { violations } = await until(
      () => behind.ledger(),
      ({ orders: { open } }) => open === 0,
      60_000,
    );
    expect(violations).toEqual([]);
    expect(fatal).toEqual([]);
  });

  it('show in what is only said: an order counts as late by the clock of who is asked', async () => {
    const provider = providerOutOfReach();
    const ahead = await start(skewMs, provider.wrapGateway);
    const orderId = await ahead.place({ paymentToken: provider.token });
    await until(
      () => ahead.saga(orderId),
      ({ flags }) => flags.includes('overdue'),
      30_000,
    );
    provider.comeBack();
    await allEnded(ahead, [orderId]);
  });
});
