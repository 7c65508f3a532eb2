import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { runRecourse as runCommand } from '../../services/host/testing/run-recourse.ts';
import { until } from '../shop.ts';
import { describeOnStack } from '../stack/kit.ts';
import { allEnded, badDayMsMax, endRuns, freshPlace, type Place, runRecourse } from './bad-days.ts';

jest.setTimeout(badDayMsMax);

describeOnStack('recourse topics republish', () => {
  let place: Place;
  beforeEach(async () => {
    place = await freshPlace();
  });
  afterEach(async () => {
    await endRuns();
    await place.drop();
  });

  const start = async (ROLE: string) => {
    const run = await runRecourse({ ...place.environment, ROLE });
    await run.ready();
    return run;
  };
  const topics = async (...args: string[]) => {
    const ran = await runCommand(['topics', ...args, '--json'], place.environment);
    expect([ran.code, ran.stderr]).toEqual([0, expect.not.stringMatching(/error/i)]);
    return JSON.parse(ran.stdout);
  };

  it('has new orders heard whose topic was lost before anybody had heard them, by relays that run', async () => {
    const topic = `${place.prefix}order.events`;
    const taking = await start('api,relay,projector,order,payment,inventory,shipping');
    await taking.stockUp({ 'SKU-A': 100 });
    const lost = await Promise.all([1, 2, 3, 4].map(() => taking.place()));
    await until(
      () => place.sentTo('order.events'),
      (count) => count >= lost.length,
      30_000,
    );
    await place.admin.deleteTopics({ topics: [topic] });
    await until(
      () => place.admin.listTopics(),
      (names) => !names.includes(topic),
      30_000,
    );
    await topics();
    await start('orchestrator,timers');
    const next = await taking.place();
    expect(await allEnded(taking, [next])).toEqual({ completed: 1 });
    for (const orderId of lost) expect((await taking.order(orderId)).state).toBe('open');

    const counted = await topics('republish', '--from-position', '1', '--check');
    expect(counted).toEqual({
      fromPosition: '0000000000000001',
      republishing: false,
      records: expect.any(Number),
      messages: expect.any(Number),
    });
    expect(counted.records).toBeGreaterThan(lost.length);
    const { republishing, records } = await topics('republish', '--from-position', '1');
    expect([republishing, records >= counted.records]).toEqual([true, true]);
    expect(await allEnded(taking, [...lost, next])).toEqual({ completed: 5 });
    expect((await taking.get('/dead-letters')).body.items).toEqual([]);
    const { violations } = await until(
      () => taking.ledger(),
      ({ orders: { open } }) => open === 0,
      60_000,
    );
    expect(violations).toEqual([]);
  });
});
