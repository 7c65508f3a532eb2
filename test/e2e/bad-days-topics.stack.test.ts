import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { until } from '../shop.ts';
import { describeOnStack } from '../stack/kit.ts';
import { allEnded, badDayMsMax, endRuns, freshPlace, type Place, type Run, runRecourse } from './bad-days.ts';

jest.setTimeout(badDayMsMax);

describeOnStack('topics', () => {
  let place: Place;
  beforeEach(async () => {
    place = await freshPlace();
  });
  afterEach(async () => {
    await endRuns();
    await place.drop();
  });

  const start = async (settings: Record<string, string> = {}, args: readonly string[] = []) => {
    const run = await runRecourse({ ...place.environment, ...settings }, args);
    await run.ready();
    return run;
  };
  const refused = async (settings: Record<string, string>, what: RegExp) => {
    const run = await runRecourse({ ...place.environment, ...settings });
    expect(await run.ended).toBe(1);
    expect(run.said()).toMatch(what);
  };
  const stopped = async (run: Run) => {
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
  };
  const ended = async (run: Run, orders: readonly string[]) => {
    expect(await allEnded(run, orders)).toEqual({ completed: orders.length });
    expect((await run.get('/dead-letters')).body.items).toEqual([]);
    const { violations } = await until(
      () => run.ledger(),
      ({ orders: { open } }) => open === 0,
      60_000,
    );
    expect(violations).toEqual([]);
  };
  /** Takes away what is in these topics, as retention does. */
  const clear = async (...topics: string[]) => {
    for (const topic of topics.map((it) => place.prefix + it)) {
      const partitions = (await place.admin.fetchTopicOffsets(topic)).map(({ partition, high }) => ({
        partition,
        offset: high,
      }));
      await place.admin.deleteTopicRecords({ topic, partitions });
    }
  };
  const rewindRelay = () => place.database.postgres.query('delete from relay_checkpoint');

  it('that are missing, or could lose data, or have another number of partitions: the start says which, and what to do', async () => {
    await refused(
      { DEVELOPMENT: 'false' },
      /not as they have to be:\n.*(missing|not there)(.|\n)*recourse topics/i,
    );
    const run = await start();
    await stopped(run);
    await refused(
      { DEVELOPMENT: 'false' },
      /replication factor: (.|\n)*min\.insync\.replicas: (.|\n)*DEVELOPMENT=true/,
    );
    await refused({ KAFKA_PARTITIONS: '3' }, /partitions: .*2.*3|partitions: .*3.*2/);
  });

  it('one gets more partitions under a running process: it leaves; the old number and a relay that begins anew heal it', async () => {
    const run = await start();
    await run.stockUp({ 'SKU-A': 100 });
    expect(await run.placeAndWait()).toMatchObject({ state: 'completed' });
    const topic = `${place.prefix}saga.events`;
    await place.admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    const orders = await Promise.all([1, 2, 3].map(() => run.place()));
    await until(
      async () => run.end(),
      (end) => end !== undefined,
      90_000,
    );
    expect([run.end(), run.said()]).toEqual([
      1,
      expect.stringMatching(/saga\.events had 2 partitions and has 3 now/),
    ]);
    await refused({}, /partitions/);

    await place.admin.deleteTopics({ topics: [topic, `${topic}.dlq`] });
    await rewindRelay();
    const again = await start();
    await ended(again, orders);
  });

  it('commands are gone before they were obeyed: an error says so, and the sagas ask again', async () => {
    const roles = 'api,orchestrator,timers,relay,projector,order,inventory,shipping';
    // They are asked for longer than it takes until somebody obeys again.
    const asking = await start({ ROLE: roles }, ['--ask-delays-ms', '2000,4000,8000,16000']);
    const payment = await start({ ROLE: 'payment' });
    await asking.stockUp({ 'SKU-A': 100 });
    // So many that commands of each partition were obeyed: where none was, nobody knows that some are gone.
    const first = await Promise.all(Array.from({ length: 8 }, () => asking.placeAndWait()));
    expect(first.map(({ state }) => state)).toEqual(first.map(() => 'completed'));
    await stopped(payment);
    const orders = await Promise.all([1, 2, 3, 4].map(() => asking.place()));
    const asked = async (orderId: string) =>
      (await asking.told(orderId)).filter((type) => type === '→ ProcessPayment').length;
    await until(
      async () => ({
        first: await Promise.all(first.map(({ orderId }) => asked(orderId))),
        later: await Promise.all(orders.map(asked)),
        sent: await place.sentTo('payment.commands'),
      }),
      ({ first, later, sent }) =>
        later.every((count) => count > 0) && sent >= [...first, ...later].reduce((sum, count) => sum + count),
    );
    await clear('payment.commands');
    const late = await start({ ROLE: 'payment' });
    await ended(asking, orders);
    expect(late.said()).toMatch(/gone before they were handled|Offset out of range/);
  });

  it('new orders are gone before they were heard: nothing asks for them; a relay that begins anew tells them again', async () => {
    const taking = await start({ ROLE: 'api,relay,projector,ingest,order,payment,inventory,shipping' });
    await taking.stockUp({ 'SKU-A': 100 });
    const orders = await Promise.all([1, 2, 3, 4].map(() => taking.place()));
    await until(
      () => place.sentTo('order.events'),
      (sum) => sum >= orders.length,
    );
    await clear('order.events');
    const late = await start({ ROLE: 'orchestrator,timers' });
    const next = await taking.place();
    await allEnded(taking, [next]);
    for (const orderId of orders) expect((await taking.order(orderId)).state).toBe('open');

    await stopped(taking);
    await rewindRelay();
    const again = await start({ ROLE: 'api,relay,projector,ingest,order,payment,inventory,shipping' });
    await ended(again, [...orders, next]);
    expect(late.end()).toBeUndefined();
  });
});
