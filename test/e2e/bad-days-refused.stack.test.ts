import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { describeOnOwnServers } from '../stack/kit.ts';
import { freePorts } from '../stack/ports.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { allEnded, badDayMsMax, endRuns, type Run, runRecourse } from './bad-days.ts';
import { addScramUser, canary, certificates, listenWithSasl, name, right } from './bad-days-sasl.ts';

jest.setTimeout(badDayMsMax);

const wrong = `${canary}-wrong`;

describeOnOwnServers('credentials', () => {
  let stack: Stack;
  let plainPort: number;
  let tlsPort: number;
  let caFile: string;

  beforeAll(async () => {
    stack = await startStack({ stopped: ['kafka'] });
    [plainPort, tlsPort] = (await freePorts(2)) as [number, number];
    caFile = await certificates(stack.folder);
    await listenWithSasl(stack, plainPort, tlsPort);
    await stack.kafka.start();
    await addScramUser(stack);
  });
  afterAll(async () => {
    await endRuns();
    await stack?.stop();
  });

  const start = (settings: Record<string, string>, args: readonly string[] = []) =>
    runRecourse(
      {
        ...stack.environment,
        KAFKA_PARTITIONS: '2',
        LOG_LEVEL: 'trace',
        START_WAIT_MS_MAX: '60000',
        ...settings,
      },
      args,
    );
  const withSasl = (mechanism: string, password: string, tls = false) => ({
    KAFKA_BROKERS: `127.0.0.1:${tls ? tlsPort : plainPort}`,
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: name,
    KAFKA_SASL_PASSWORD: password,
    ...(tls && { KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: caFile }),
  });
  /** Neither as it is nor as the protocols write it. */
  const tellsNoSecret = (run: Run) => {
    const [passwordOfStack] = [new URL(stack.environment.POSTGRES_URL).password];
    for (const secret of [canary, passwordOfStack, Buffer.from(canary).toString('base64').slice(0, 12)])
      expect(run.said()).not.toContain(secret);
  };
  const refused = async (run: Run, why: RegExp) => {
    const begin = performance.now();
    expect(await run.ended).toBe(1);
    // It is said at once: nobody waits for what no waiting heals.
    expect(performance.now() - begin).toBeLessThan(45_000);
    expect(run.said()).toMatch(why);
    expect(run.said()).not.toMatch(/was not reached/);
    tellsNoSecret(run);
  };
  const postgresUrl = (change: (url: URL) => void) => {
    const url = new URL(stack.environment.POSTGRES_URL);
    change(url);
    return { POSTGRES_URL: url.href };
  };

  it('PostgreSQL: a wrong password, name or database is refused at once, and no secret is told', async () => {
    await refused(
      await start(
        postgresUrl((url) => {
          url.password = wrong;
        }),
      ),
      /PostgreSQL at .* refuses us: password authentication failed .* Check the name, the password and the database in POSTGRES_URL\./,
    );
    await refused(
      await start(
        postgresUrl((url) => {
          url.pathname = '/nowhere';
        }),
      ),
      /refuses us: database "nowhere" does not exist.* POSTGRES_URL/,
    );
  });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    'Kafka, %s: a wrong password is refused at once, and no secret is told',
    async (mechanism) => {
      await refused(
        await start(withSasl(mechanism, wrong)),
        /Kafka refuses us: .*KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD/,
      );
    },
  );

  it('Kafka: no mechanism where one is asked for, and no TLS where it is spoken, are not waited for in silence', async () => {
    const run = await start({ KAFKA_BROKERS: `127.0.0.1:${plainPort}`, START_WAIT_MS_MAX: '1000' });
    expect(await run.ended).toBe(1);
    expect(run.said()).toMatch(/Kafka at .* was not reached within 1000 ms .*KAFKA_SASL_MECHANISM/);
    const noTls = await start({
      ...withSasl('plain', right),
      KAFKA_BROKERS: `127.0.0.1:${tlsPort}`,
      START_WAIT_MS_MAX: '1000',
    });
    expect(await noTls.ended).toBe(1);
    expect(noTls.said()).toMatch(/Kafka at .* was not reached within 1000 ms .*KAFKA_TLS/);
    tellsNoSecret(noTls);
  });

  it('Kafka: TLS where none is spoken is not waited for in silence', async () => {
    const run = await start({
      KAFKA_BROKERS: stack.environment.KAFKA_BROKERS,
      KAFKA_TLS: 'true',
      START_WAIT_MS_MAX: '1000',
    });
    expect(await run.ended).toBe(1);
    expect(run.said()).toMatch(/Kafka at .* was not reached within 1000 ms .*KAFKA_TLS/);
  });

  it('Kafka, TLS: a certificate of nobody we trust is refused at once', async () => {
    const { KAFKA_TLS_CA_FILE: _, ...settings } = withSasl('plain', right, true) as Record<string, string>;
    await refused(
      await start(settings),
      /Kafka does not prove who it is: .*(self.signed|unable to verify).*KAFKA_TLS_CA_FILE/,
    );
  });

  it.each([
    ['plain', false],
    ['scram-sha-512', true],
  ] as const)(
    'Kafka, %s, TLS %s: an order ends, and at the level trace nothing secret is told',
    async (mechanism, tls) => {
      const run = await start({
        ...withSasl(mechanism, right, tls),
        KAFKA_TOPIC_PREFIX: `${mechanism}.`,
        POSTGRES_SCHEMA: mechanism.replaceAll('-', '_'),
      });
      await run.ready();
      await run.stockUp({ 'SKU-A': 10 });
      expect(await run.placeAndWait()).toMatchObject({ state: 'completed' });
      run.signal('SIGTERM');
      expect(await run.ended).toBe(0);
      expect(run.said().length).toBeGreaterThan(1_000);
      tellsNoSecret(run);
    },
  );

  it('PostgreSQL: a password that is changed while it runs is waited for, and is no message’s fault', async () => {
    const run = await start({ LOG_LEVEL: 'warn' });
    await run.ready();
    await run.stockUp({ 'SKU-A': 10 });
    const { password } = new URL(stack.environment.POSTGRES_URL);
    const admin = new pg.Client({ connectionString: stack.environment.POSTGRES_URL });
    await admin.connect();
    const orders = await Promise.all([1, 2, 3].map(() => run.place()));
    await admin.query(`alter role recourse password '${wrong}'`);
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename is not null',
    );
    await run.says(/refuses us: password authentication failed/);
    expect((await run.get('/orders')).status).toBe(503);
    expect((await run.post('/orders', {}, {})).status).not.toBe(500);
    await admin.query(`alter role recourse password '${password}'`);
    await admin.end();
    await run.ready();
    expect(await allEnded(run, orders)).toEqual({ completed: 3 });
    expect((await run.get('/dead-letters')).body.items).toEqual([]);
    expect(await run.placeAndWait()).toMatchObject({ state: 'completed' });
    tellsNoSecret(run);
  });
});
