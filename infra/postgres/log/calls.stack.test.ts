import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { anEvent, freshStream, idsOf, someEvents } from '../../../test/contract/event-log/events.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../../test/stack/kit.ts';
import { UnavailableError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import { noStream, type RecordedEvent } from '../../ports/event-log.ts';
import { systemClock } from '../../system.ts';
import type { Postgres } from '../connect.ts';
import { emptyLog, eventually, openedLogs } from './testing/logs.ts';

describeOnStack('what the log asks of PostgreSQL', () => {
  let database: FreshDatabase;
  let logs: ReturnType<typeof openedLogs>;
  let asked: string[] = [];
  beforeAll(async () => {
    database = await freshDatabase();
    logs = openedLogs(database.settings);
  });
  afterEach(async () => {
    await logs.close();
    await emptyLog(database.postgres);
    asked = [];
  });
  afterAll(() => database.drop());

  /** Notes the functions that are called. */
  const noting = (postgres: Postgres): Postgres => ({
    ...postgres,
    query: (text, values) => {
      const name = /log_(append|read|after)\b/.exec(text)?.[0];
      if (name !== undefined) asked.push(name);
      return postgres.query(text, values);
    },
  });
  /** A clock whose timers come only once they are let go: the log does not look by itself before. */
  const heldClock = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const after: Clock['after'] = (ms, run) => systemClock.after(ms, () => void promise.then(run));
    return { clock: { ...systemClock, after }, letGo: resolve };
  };
  const deaf = (postgres: Postgres): Postgres => ({ ...postgres, listen: () => ({ close: async () => {} }) });

  it('stores all appends of one turn in one call, and those that come meanwhile in the next', async () => {
    const log = await logs.open({}, noting);
    const one = Array.from({ length: 50 }, () => log.append(freshStream(), noStream, someEvents(2)));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    const two = Array.from({ length: 50 }, () => log.append(freshStream(), noStream, someEvents(2)));
    await Promise.all([...one, ...two]);
    expect(asked).toEqual(['log_append', 'log_append']);
  });

  it('reads all streams of one turn in one statement, each as it was asked for', async () => {
    const log = await logs.open({}, noting);
    const streams = Array.from({ length: 30 }, freshStream);
    await Promise.all(streams.map((stream) => log.append(stream, noStream, someEvents(3))));
    asked = [];
    const read = await Promise.all([
      ...streams.map((stream) => log.readStream(stream, { direction: 'backwards', max: 2 })),
      log.readStream(streams[0]!, { from: 1 }),
      log.readStream(freshStream()),
    ]);
    const heads = await Promise.all([log.headOf(streams[3]!), log.headOf(freshStream())]);
    expect(asked).toEqual(['log_read', 'log_read']);
    for (const [index, stream] of streams.entries())
      expect(read[index]).toMatchObject([
        { stream, revision: 2 },
        { stream, revision: 1 },
      ]);
    expect(read[30]!.map(({ revision }) => revision)).toEqual([1, 2]);
    expect(read[31]).toEqual([]);
    expect(heads).toEqual([2, noStream]);
  });

  it('hands followers what this process appends without reading it: the very data', async () => {
    const log = await logs.open({ clock: heldClock().clock }, (postgres) => deaf(noting(postgres)));
    const seen: RecordedEvent[] = [];
    log.follow(0, 100, (records) => void seen.push(...records));
    const events = someEvents(20);
    for (const event of events) await log.append(freshStream(), noStream, [event]);
    expect(idsOf(seen)).toEqual(idsOf(events));
    expect(seen[7]!.data).toBe(events[7]!.data);
    expect(asked).not.toContain('log_after');
    const stored = await log.readAll(0, 100);
    expect(asked).toContain('log_after');
    expect(seen).toEqual(stored);
  });

  it('hands followers what comes between without a notice, too, and reads each record once', async () => {
    const { clock, letGo } = heldClock();
    const log = await logs.open({ clock }, (postgres) => deaf(noting(postgres)));
    const other = await logs.open();
    const followers = [1, 2, 3].map((): string[] => []);
    for (const ids of followers) log.follow(0, 100, (records) => void ids.push(...idsOf(records)));
    const events = someEvents(6);
    const [first, ...others] = events;
    await log.append(freshStream(), noStream, [first!]);
    for (const event of others.slice(0, 4)) await other.append(freshStream(), noStream, [event]);
    await log.append(freshStream(), noStream, [events[5]!]);
    await eventually(() => followers.every((ids) => ids.length === 6));
    for (const ids of followers) expect(ids).toEqual(idsOf(events));
    expect(asked.filter((name) => name === 'log_after')).toHaveLength(1);

    // And with nothing that would tell: it looks by itself.
    letGo();
    const last = anEvent();
    await other.append(freshStream(), noStream, [last]);
    await eventually(() => followers.every((ids) => ids.length === 7));
    expect(followers[0]!.at(-1)).toBe(last.id);
  });

  it('stamps records by the clock of the server, and never goes back with it', async () => {
    const log = await logs.open({ clock: { ...systemClock, now: () => 0 } });
    const { postgres } = database;
    const [before] = await postgres.query<{ ms: number }>('select extract(epoch from now()) * 1000 as ms');
    const { time } = await log.append(freshStream(), noStream, [anEvent()]);
    expect(time!).toBeGreaterThanOrEqual(Math.floor(before!.ms));
    await postgres.query('update log_head set "time" = "time" + 3600000');
    const later = await log.append(freshStream(), noStream, [anEvent()]);
    expect(later.time).toBe(time! + 3_600_000);
    expect((await log.append(freshStream(), noStream, [anEvent()])).time).toBe(later.time);
  });

  it('goes by the indexes from the first record on: plans are kept, and tables grow faster than they are analysed', async () => {
    const log = await logs.open();
    const stream = freshStream();
    await log.append(stream, noStream, someEvents(3));
    const { postgres } = database;
    await postgres.query('analyze log_records, log_streams');
    const scans = `select relname, seq_scan from pg_stat_xact_user_tables where relname in ('log_records', 'log_streams') order by 1`;
    const [before, after] = await postgres.transaction(async (query) => {
      const scansBefore = await query(scans);
      const owner = stream.slice('saga-input-'.length);
      const place = `array['${owner}'], array['saga-input']`;
      await query('select * from log_after(0, 10)');
      await query(`select * from log_read(${place}, '{0}', '{10}', '{0}')`);
      const event = `'{1}', '{3}', '{1}', '{0}', '{id}', '{c}', array[null], '{d}'`;
      const [answer] = await query(`select * from log_append(${place}, '{2}', '{1}', ${event})`);
      expect(answer).toMatchObject({ head: 3, stored: true });
      const repeat = await query(`select * from log_append(${place}, '{2}', '{1}', ${event})`);
      expect(repeat).toMatchObject([{ head: 3, position: 4, stored: false }]);
      return [scansBefore, await query(scans)];
    });
    expect(after).toEqual(before);
  });

  it('refuses what would be more than it may hold, and takes it when there is room again', async () => {
    const log = await logs.open({ limits: { intakeEventsMax: 5 } });
    const taken = [
      log.append(freshStream(), noStream, someEvents(3)),
      log.append(freshStream(), noStream, someEvents(2)),
    ];
    await expect(log.append(freshStream(), noStream, someEvents(1))).rejects.toBeInstanceOf(UnavailableError);
    await Promise.all(taken);
    expect(await log.append(freshStream(), noStream, someEvents(5))).toMatchObject({ position: 10 });
  });

  it('refuses in time what stands behind a call without an answer, sends it no more, and takes the late answer', async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const late = (postgres: Postgres): Postgres => ({
      ...postgres,
      query: async (text, values) => {
        const rows = await postgres.query<never>(text, values);
        if (/log_append|log_read/.test(text)) await answered;
        return rows;
      },
    });
    const log = await logs.open({ limits: { answerMsMax: 2_000, readsInFlightMax: 1 } }, (it) =>
      late(noting(it)),
    );
    const [stream, event] = [freshStream(), anEvent()];
    const turn = () => new Promise((resolve) => setTimeout(resolve, 100));
    const asks = [
      () => log.append(stream, noStream, [event]),
      () => log.append(freshStream(), noStream, [anEvent()]),
      () => log.append(stream, 0, [anEvent()]),
      () => log.readStream(stream),
      () => log.headOf(freshStream()),
    ];
    const refusals: Promise<unknown>[] = [];
    for (const ask of asks) {
      const begun = performance.now();
      const refused = expect(ask()).rejects.toBeInstanceOf(UnavailableError);
      refusals.push(refused.then(() => expect(performance.now() - begun).toBeGreaterThan(1_990)));
      await turn();
    }
    await Promise.all(refusals);
    expect(asked).toEqual(['log_append', 'log_read']);

    const again = log.append(stream, noStream, [event]);
    answer();
    expect(await again).toMatchObject({ revision: 0, position: 1 });
    expect(asked).toEqual(['log_append', 'log_read', 'log_append']);
    expect(await log.head()).toBe(1);
    expect(idsOf(await log.readStream(stream))).toEqual([event.id]);
  });

  it('lets an append that PostgreSQL cannot store fail alone', async () => {
    const log = await logs.open();
    const [one, wrong, two] = await Promise.allSettled([
      log.append(freshStream(), noStream, someEvents(1)),
      log.append(freshStream(), noStream, [{ ...anEvent(), causation: 'a\0b' }]),
      log.append(freshStream(), noStream, someEvents(1)),
    ]);
    expect([one.status, wrong.status, two.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((wrong as PromiseRejectedResult).reason).not.toBeInstanceOf(UnavailableError);
    expect(await log.head()).toBe(2);
  });

  it('does not append while PostgreSQL only reads, says so, and goes on afterwards', async () => {
    const log = await logs.open();
    const { postgres, settings } = database;
    const stream = freshStream();
    await log.append(stream, noStream, [anEvent()]);
    const name = new URL(settings.url).pathname.slice(1);
    const readOnly = async (value: 'on' | 'off') => {
      await postgres.query('set default_transaction_read_only = off');
      await postgres.transaction(async (query) => {
        await query('set transaction read write');
        await query(`alter database ${name} set default_transaction_read_only = ${value}`);
      });
      await postgres.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
    };
    await readOnly('on');
    await eventually(() => log.problems().some((problem) => problem.includes('only reads')));
    await expect(log.append(stream, 0, [anEvent()])).rejects.toBeInstanceOf(UnavailableError);
    expect(await log.readStream(stream)).toHaveLength(1);
    await readOnly('off');
    await eventually(() => log.problems().length === 0);
    expect(await log.append(stream, 0, [anEvent()])).toMatchObject({ revision: 1 });
  });
});
