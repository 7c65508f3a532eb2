import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { describeOnOwnServers } from '../stack/kit.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { badDayMsMax, endRuns, runRecourse } from './bad-days.ts';

jest.setTimeout(badDayMsMax);

describeOnOwnServers('at its start', () => {
  let stack: Stack;
  beforeAll(async () => {
    // PostgreSQL has run before, so that its database is there.
    stack = await startStack({ stopped: ['kafka'] });
    await stack.postgres.stop();
  });
  afterAll(async () => {
    await endRuns();
    await stack?.stop();
  });
  const start = (settings: Record<string, string> = {}) =>
    runRecourse({ ...stack.environment, KAFKA_PARTITIONS: '4', LOG_LEVEL: 'warn', ...settings });

  it('it waits for PostgreSQL, gives up in time, and names the settings', async () => {
    const run = await start({ START_WAIT_MS_MAX: '1500' });
    expect(await run.ended).toBe(1);
    expect(run.said()).toMatch(/waiting for PostgreSQL at 127\.0\.0\.1:\d+/);
    expect(run.said()).toMatch(
      /PostgreSQL at 127\.0\.0\.1:\d+ was not reached within 1500 ms \(START_WAIT_MS_MAX\): .*POSTGRES_URL/,
    );
    expect(run.said()).not.toMatch(/ {4}at /);
  });

  it('a signal ends the waiting at once, with exit code 0', async () => {
    const run = await start();
    await run.says(/waiting for PostgreSQL/);
    expect((await run.get('/health/ready')).body).toMatchObject({ code: 'starting', status: 503 });
    const begin = performance.now();
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(performance.now() - begin).toBeLessThan(20_000);
    expect(run.said()).not.toMatch(/was not reached|cannot/);
  });

  it('it goes on when PostgreSQL and then Kafka come; another gives up waiting for Kafka, or is told to', async () => {
    const run = await start();
    await run.says(/waiting for PostgreSQL/);
    await stack.postgres.start();
    await run.says(/waiting for Kafka at 127\.0\.0\.1:\d+/);

    const impatient = await start({ START_WAIT_MS_MAX: '1500' });
    expect(await impatient.ended).toBe(1);
    expect(impatient.said()).toMatch(
      /Kafka at 127\.0\.0\.1:\d+ was not reached within 1500 ms \(START_WAIT_MS_MAX\): .*KAFKA_BROKERS/,
    );
    const told = await start();
    await told.says(/waiting for Kafka/);
    told.signal('SIGINT');
    expect(await told.ended).toBe(0);

    await stack.kafka.start();
    await run.ready();
    await run.stockUp({ 'SKU-A': 10 });
    expect(await run.placeAndWait()).toMatchObject({ state: 'completed' });
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
  });
});
