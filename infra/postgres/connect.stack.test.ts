import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeOnStack, type FreshDatabase, freshDatabase, silent } from '../../test/stack/kit.ts';
import { watchStandstill } from '../../test/stack/standstill.ts';
import { UnavailableError } from '../errors.ts';
import { systemClock } from '../system.ts';
import { openPostgres } from './connect.ts';

describeOnStack('PostgreSQL, as we are connected to it', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());

  it('gives big integers as numbers, JSON as text, and syncs every commit', async () => {
    const rows = await database.postgres.query(
      `select 9007199254740991::bigint as n, '{"a": 1}'::json as j, current_setting('synchronous_commit') as s`,
    );
    expect(rows).toEqual([{ n: Number.MAX_SAFE_INTEGER, j: '{"a": 1}', s: 'on' }]);
  });

  it('rolls back what a transaction did that fails, and goes on', async () => {
    const { postgres } = database;
    await postgres.query('create table tried (n int)');
    await expect(
      postgres.transaction(async (query) => {
        await query('insert into tried values (1)');
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await postgres.transaction((query) => query('insert into tried values (2)'));
    expect(await postgres.query('select n from tried')).toEqual([{ n: 2 }]);
  });

  it('tells what cannot be reached from what is wrong', async () => {
    const { postgres } = database;
    await expect(postgres.query('select 1/0')).rejects.toThrow('division by zero');
    await expect(postgres.query('select pg_terminate_backend(pg_backend_pid())')).rejects.toThrow(
      UnavailableError,
    );
    expect(await postgres.query('select 1 as one')).toEqual([{ one: 1 }]);
    // Who we are was right when we started: that it is wrong now is no message's fault.
    const denied = postgres.transaction(async (query) => {
      await query('set local role pg_monitor');
      await query('select rolpassword from pg_authid');
    });
    await expect(denied).rejects.toThrow(/^PostgreSQL refuses us: permission denied/);
    await expect(denied).rejects.toThrow(UnavailableError);
  });

  it('lives on when a connection breaks between two statements of a transaction', async () => {
    const { postgres } = database;
    const broken = postgres.transaction(async (query) => {
      const [own] = await query<{ pid: number }>('select pg_backend_pid() as pid');
      await postgres.query('select pg_terminate_backend($1)', [own!.pid]);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await query('select 1');
    });
    await expect(broken).rejects.toThrow(UnavailableError);
    expect(await postgres.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('says that the server is away, and not that the statement was wrong, where it has ended a transaction that was paused', async () => {
    const paused = database.postgres.transaction(async (query) => {
      await query(`select set_config('idle_in_transaction_session_timeout', '50ms', true)`);
      // As a process that is stopped: what the server says meanwhile is read after the next statement was sent.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      await query('select 1');
    });
    await expect(paused).rejects.toThrow(/idle-in-transaction timeout/);
    await expect(paused).rejects.toThrow(UnavailableError);
  });

  it('counts the waiting for a connection in what a statement may take', async () => {
    const settings = { ...database.settings, connectionsMax: 1 };
    const postgres = openPostgres(settings, { clock: systemClock, logger: silent });
    const before = postgres.query('select pg_sleep(3)');
    const begun = performance.now();
    const stoodStillMs = watchStandstill();
    await expect(postgres.query('select pg_sleep(12)')).rejects.toThrow(UnavailableError);
    const tookMs = performance.now() - begun;
    const lateMs = stoodStillMs();
    await before;
    expect(tookMs).toBeGreaterThan(9_500);
    expect(tookMs).toBeLessThan(12_500 + lateMs);
    await postgres.close();
  });

  it('does not take for committed what was rolled back because a failure was passed over', async () => {
    const { postgres } = database;
    await postgres.query('create table passed (n int)');
    const passed = postgres.transaction(async (query) => {
      await query('insert into passed values (1)');
      await query('select 1/0').catch(() => {});
    });
    await expect(passed).rejects.toThrow('the transaction was rolled back');
    expect(await postgres.query('select n from passed')).toEqual([]);
  });

  it('sees our schema and syncs every commit also where the URL has options of its own', async () => {
    const url = new URL(database.settings.url);
    url.searchParams.set('options', '-c geqo=off -c synchronous_commit=off');
    const settings = { ...database.settings, url: url.href };
    const postgres = openPostgres(settings, { clock: systemClock, logger: silent });
    const names = ['search_path', 'synchronous_commit', 'statement_timeout', 'geqo'];
    const rows = await postgres.query(
      'select current_setting(name) as is from unnest($1::text[]) with ordinality as a (name, nth) order by nth',
      [names],
    );
    await postgres.close();
    expect(rows.map(({ is }) => is)).toEqual(['recourse', 'on', '15s', 'off']);
  });

  it('hears notices, and says when it may have missed some', async () => {
    const { postgres } = database;
    const heard: (string | undefined)[] = [];
    let wake = () => {};
    const next = () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      });
    let waited = next();
    const listening = postgres.listen('news', (payload) => {
      heard.push(payload);
      wake();
    });
    await waited;
    waited = next();
    await postgres.query(`select pg_notify('news', '7')`);
    await waited;
    expect(heard).toEqual([undefined, '7']);
    waited = next();
    await postgres.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen "news"' and datname = current_database()`,
    );
    await waited;
    expect(heard).toEqual([undefined, '7', undefined]);
    await listening.close();
  });

  it('is not kept from ending by a server that takes a connection and says nothing', async () => {
    const taken: Socket[] = [];
    const server = createServer((socket) => taken.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `postgres://recourse@127.0.0.1:${(server.address() as AddressInfo).port}/postgres`;
    const settings = { ...database.settings, url };
    const postgres = openPostgres(settings, { clock: systemClock, logger: silent });
    const listening = postgres.listen('news', () => {});
    while (taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const begun = performance.now();
    await listening.close();
    expect(performance.now() - begun).toBeLessThan(4_000);
    await postgres.close();
    for (const socket of taken) socket.destroy();
    server.close();
  });
});
