import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { StartError } from '@recourse/infra/errors';
import { openPostgres } from '@recourse/infra/postgres/connect';
import { lossySettings } from '@recourse/infra/postgres/durability';
import { migratePostgres } from '@recourse/infra/postgres/migrate';
import { systemClock } from '@recourse/infra/system';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import pg from 'pg';
import pino from 'pino';
import { describeOnOwnServers, silent } from '../../../test/stack/kit.ts';
import { type Stack, startStack } from '../../../test/stack/stack.ts';
import { readConfig } from '../config.ts';
import { type Closing, closeAll } from '../parts.ts';
import { openGround } from './ground.ts';
import { reachOf } from './needs.ts';

describeOnOwnServers('a PostgreSQL that could lose what is acknowledged', () => {
  let stack: Stack;
  const configOf = (development: boolean) =>
    readConfig({ startWaitMsMax: '500', development: String(development) }, stack.environment);

  beforeAll(async () => {
    stack = await startStack({ stopped: ['kafka'] });
    await migratePostgres(reachOf(configOf(true)).postgres, silent);
  });
  afterEach(() => set({ fsync: 'on', full_page_writes: 'on' }));
  afterAll(() => stack?.stop());

  const onClient = async <T>(run: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: stack.environment.POSTGRES_URL });
    await client.connect();
    return run(client).finally(() => client.end());
  };
  /** Sets it for the whole server, and waits until new connections see it. */
  const set = async (settings: Readonly<Record<string, 'on' | 'off'>>) => {
    await onClient(async (client) => {
      for (const [name, value] of Object.entries(settings))
        await client.query(`alter system set ${name} = ${value}`);
      await client.query('select pg_reload_conf()');
    });
    for (const [name, value] of Object.entries(settings)) {
      const isSet = () =>
        onClient(async (client) => (await client.query(`show ${name}`)).rows[0][name] === value);
      while (!(await isSet())) await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  /** Starts to open the ground; no Kafka is there, so it ends at the latest with that. */
  const opened = async (development: boolean) => {
    const closing: Closing = [];
    const lines: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
    const metrics = createMetrics();
    closing.push(metrics.close);
    const error = await openGround({
      ...{ config: configOf(development), clock: systemClock, logger, metrics, closing },
      signal: new AbortController().signal,
      onFatal: () => {},
    }).catch((thrown: unknown) => thrown as StartError);
    await closeAll(closing);
    return { error: error as StartError, warned: lines.join('\n') };
  };

  it('is refused at each start with fsync off, and taken with a warning for development', async () => {
    await set({ fsync: 'off' });
    const { error } = await opened(false);
    expect(error).toBeInstanceOf(StartError);
    expect(error.code).toBe('postgres-settings');
    expect(error.message).toMatch(/PostgreSQL at 127.0.0.1:\d+ .*\nfsync is off: .*\n.*DEVELOPMENT=true/);
    const development = await opened(true);
    expect(development.error.message).toContain('Kafka');
    expect(development.warned).toContain('PostgreSQL could lose data: fsync is off');
  });

  it('is warned of with full_page_writes off, which some file systems can do without', async () => {
    await set({ full_page_writes: 'off' });
    const { error, warned } = await opened(false);
    expect(error.message).toContain('Kafka');
    expect(warned).toContain('PostgreSQL could lose data: full_page_writes is off');
  });

  it('is what a server is not whose settings are those by default', async () => {
    const { error, warned } = await opened(false);
    expect(error.message).toContain('Kafka');
    expect(warned).not.toContain('lose');
  });

  it('is found, too, where our connections have not what they ask for', async () => {
    const postgres = openPostgres(reachOf(configOf(true)).postgres, { clock: systemClock, logger: silent });
    const found = await postgres.transaction(async (query) => {
      await query('set local synchronous_commit = off');
      return lossySettings(query);
    });
    expect(found).toMatchObject([
      { line: expect.stringMatching(/^synchronous_commit is off: /), certain: true },
    ]);
    expect(await lossySettings(postgres.query)).toEqual([]);
    await postgres.close();
  });
});
