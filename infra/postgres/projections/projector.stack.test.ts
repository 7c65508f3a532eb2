import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { describeOnStack, type FreshDatabase, freshDatabase, silent } from '../../../test/stack/kit.ts';
import { watchStandstill } from '../../../test/stack/standstill.ts';
import { UnavailableError } from '../../errors.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import { RebuildingError } from '../../ports/read-models.ts';
import { type Projection, projection, table } from '../../project/projection.ts';
import { select } from '../../project/select.ts';
import { type Count, count, counting, type Fold, orders, record } from '../../project/testing/counting.ts';
import { systemClock } from '../../system.ts';
import { openPostgres, type Sql } from '../connect.ts';
import { openLeases } from '../leases.ts';
import { openPostgresProjector } from './projector.ts';
import { openStoredProjections, type StoredProjections } from './stored.ts';
import { type FollowedLog, memoryLog } from './testing/memory-log.ts';

const twice: Fold = (tables, it) => {
  count(tables, it);
  count(tables, it);
};

/** A clock whose timers stand still while it is paused, as those of a process that was stopped. */
const pausable = () => {
  let resume: Promise<void> | undefined;
  let goOn = () => {};
  const clock: Clock = {
    ...systemClock,
    after: (delayMs, run) =>
      systemClock.after(delayMs, () => {
        if (resume === undefined) run();
        else void resume.then(run);
      }),
  };
  return {
    clock,
    pause: () => {
      const paused = Promise.withResolvers<void>();
      resume = paused.promise;
      goOn = () => {
        resume = undefined;
        paused.resolve();
      };
    },
    goOn: () => goOn(),
  };
};

describeOnStack('a projector over PostgreSQL', () => {
  let database: FreshDatabase;
  let closing: (() => Promise<void>)[];
  beforeEach(async () => {
    database = await freshDatabase();
    closing = [];
  });
  afterEach(async () => {
    for (const close of closing.reverse()) await close();
    await database.drop();
  });

  /** A process of its own: its connections, its leases. */
  const start = (log: FollowedLog, projections: readonly Projection[], clock: Clock = systemClock) => {
    const postgres = openPostgres(database.settings, { clock, logger: silent });
    // Notices reach no process that is stopped.
    const heard =
      clock === systemClock ? postgres : { ...postgres, listen: () => ({ close: async () => {} }) };
    const leases = openLeases({ postgres: heard, clock, logger: silent });
    const projector = openPostgresProjector({ postgres, log, projections, leases, clock, logger: silent });
    const stop = async () => {
      await projector.close();
      await postgres.close();
    };
    closing.push(stop);
    return { ...projector, postgres, stop };
  };
  const stored = (log: FollowedLog, projections: readonly Projection[]) =>
    openStoredProjections({ postgres: database.postgres, projections, log, clock: systemClock });

  const shown = async (from: StoredProjections, name: string) => {
    const { rows, position } = await from.read(name, () => select<Count>('select * from counts'));
    return { events: rows.reduce((sum, { events }) => sum + events, 0), position };
  };
  const statusOf = async (from: StoredProjections, name: string) =>
    (await from.status()).find((it) => it.name === name)!;
  const until = async (condition: () => boolean | Promise<boolean>, what: () => unknown = () => '') => {
    for (let turns = 0; turns < 1_500; turns += 1) {
      if (await condition()) return;
      await sleep(systemClock, 20);
    }
    throw new Error(`it did not come: ${JSON.stringify(await what())}`);
  };
  const tablesOf = async (name: string) =>
    (
      await database.postgres.query<{ name: string }>(
        `select tablename as name from pg_tables where tablename like $1 order by 1`,
        [`${name}\\_v%`],
      )
    ).map((it) => it.name);

  it('folds what is there and what comes, and goes on where the last one stopped', async () => {
    const log = memoryLog(orders(3_000));
    const all = [counting('a'), counting('b')];
    const read = stored(log, all);
    const first = start(log, all);
    await read.waitFor(9_000);
    expect(await shown(read, 'a')).toEqual({ events: 6_000, position: 9_000 });
    await first.stop();
    log.add(orders(3_010).slice(9_000));
    start(log, all);
    await read.waitFor(9_030);
    for (const name of ['a', 'b'])
      expect(await shown(read, name)).toEqual({ events: 6_020, position: 9_030 });
    expect(await tablesOf('a')).toEqual(['a_v1_b0_counts']);
  });

  it('that was paused writes nothing more once another has taken over, within 10 s', async () => {
    const [early, log] = [memoryLog(orders(10)), memoryLog(orders(10))];
    const all = [counting('a'), counting('b')];
    const read = stored(log, all);
    const stopped = pausable();
    const zombie = start(early, all, stopped.clock);
    await read.waitFor(30);
    stopped.pause();
    const other = start(log, all);
    const since = systemClock.monotonic();
    const stoodStillMs = watchStandstill();
    await until(() => other.status().length === 2, other.status);
    expect(systemClock.monotonic() - since).toBeLessThan(10_000 + stoodStillMs());
    // The one that was paused does not know yet that it is not its turn, and is the first to be handed these.
    expect(zombie.status().map(({ state }) => state)).toEqual(['running', 'running']);
    early.add(orders(20).slice(30));
    await until(() => zombie.status().every(({ state }) => state === 'waiting'), zombie.status);
    for (const name of ['a', 'b']) expect(await shown(read, name)).toEqual({ events: 20, position: 30 });
    stopped.goOn();
    // It gets its share again, and goes on where the other has come to: both see the same log.
    early.add(orders(30).slice(60));
    log.add(orders(30).slice(30));
    await read.waitFor(90);
    for (const name of ['a', 'b']) expect(await shown(read, name)).toEqual({ events: 60, position: 90 });
  });

  it('says no more that it cannot write what was written without an answer, also where nothing comes after it', async () => {
    const [log, projections] = [memoryLog(orders(10)), [counting('a')]];
    let lost = 0;
    const query: Sql = async <Row>(text: string, values?: readonly unknown[]) => {
      const rows = await database.postgres.query<Row>(text, values);
      if (!text.startsWith('with fence') || lost > 0) return rows;
      lost += 1;
      throw new UnavailableError('the answer was lost');
    };
    const clock = systemClock;
    const postgres = { ...database.postgres, query };
    const leases = openLeases({ postgres, clock, logger: silent });
    const projector = openPostgresProjector({ postgres, log, projections, leases, clock, logger: silent });
    closing.push(projector.close);
    await until(() => lost === 1);
    await stored(log, projections).waitFor(30);
    await until(() => projector.status()[0]?.position === 30, projector.status);
    await until(() => projector.problems().length === 0, projector.problems);
    expect(projector.status()).toMatchObject([{ state: 'running', error: null }]);
  });

  it('shares projections with others, and gives them back when it is closed', async () => {
    const log = memoryLog(orders(10));
    const all = ['a', 'b', 'c', 'd'].map((name) => counting(name));
    const read = stored(log, all);
    const [one, two] = [start(log, all), start(log, all)];
    await until(() => one.status().length === 2 && two.status().length === 2);
    log.add(orders(20).slice(30));
    await read.waitFor(60);
    await one.stop();
    await until(() => two.status().length === 4);
    log.add(orders(30).slice(60));
    await read.waitFor(90);
    expect(await Promise.all(all.map(async ({ name }) => (await shown(read, name)).events))).toEqual(
      Array(4).fill(60),
    );
  });

  it('whose connections break again and again counts nothing twice', async () => {
    const log = memoryLog();
    const all = [counting('a'), counting('b')];
    const read = stored(log, all);
    start(log, all);
    await until(
      async () => (await statusOf(read, 'b')).state === 'running' && (await tablesOf('b')).length > 0,
    );
    const records = orders(6_000);
    for (let n = 0; n < 12; n += 1) {
      log.add(records.slice(n * 1_500, (n + 1) * 1_500));
      await database.postgres.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()`,
      );
      await sleep(systemClock, 40);
    }
    await until(async () => (await read.status()).every(({ position }) => position === 18_000));
    for (const name of ['a', 'b'])
      expect(await shown(read, name)).toEqual({ events: 12_000, position: 18_000 });
  });

  it('sees that a server has lost its last transactions, and folds them again', async () => {
    const log = memoryLog(orders(10));
    const all = [counting('a')];
    const read = stored(log, all);
    start(log, all);
    await read.waitFor(30);
    const { postgres } = database;
    await postgres.query('create table kept as select * from a_v1_b0_counts');
    const [{ record: before } = { record: '' }] = await postgres.query<{ record: string }>(
      'select record from projection',
    );
    log.add([record(31, 'OrderCreated', 'lost')]);
    await read.waitFor(31);
    await postgres.transaction(async (query) => {
      await query('delete from a_v1_b0_counts');
      await query('insert into a_v1_b0_counts select * from kept');
      await query('update projection set position = 30, record = $1', [before]);
    });
    log.add([record(32, 'OrderCreated', 'next')]);
    await read.waitFor(32);
    expect(await shown(read, 'a')).toEqual({ events: 22, position: 32 });
  });

  it('folds anew what was folded from another log', async () => {
    const all = [counting('a')];
    const before = memoryLog(orders(100));
    const first = start(before, all);
    await stored(before, all).waitFor(300);
    await first.stop();
    const log = memoryLog(orders(10), 'other');
    const read = stored(log, all);
    start(log, all);
    await until(async () => (await statusOf(read, 'a')).build === 1);
    await read.waitFor(30);
    expect(await shown(read, 'a')).toEqual({ events: 20, position: 30 });
    expect(await tablesOf('a')).toEqual(['a_v1_b1_counts']);
  });

  it('stops a projection whose fold throws before that record, names it, and lets the others go on', async () => {
    let broken = true;
    const moody: Fold = (tables, it) => {
      if (broken && it.position === 61) throw new Error('no such customer');
      count(tables, it);
    };
    const log = memoryLog(orders(100));
    const all = [counting('bad', 1, moody), counting('good')];
    const read = stored(log, all);
    const projector = start(log, all);
    await until(async () => (await statusOf(read, 'good')).position === 300);
    await until(async () => (await statusOf(read, 'bad')).state === 'stopped');
    const error = { message: 'no such customer', position: 61, stream: 'order-o6', type: 'OrderCreated' };
    expect(await statusOf(read, 'bad')).toMatchObject({ state: 'stopped', position: 60, error });
    expect(await shown(read, 'bad')).toEqual({ events: 40, position: 60 });
    expect(projector.problems()).toEqual([
      'projection bad has stopped at OrderCreated at 61: no such customer',
    ]);
    await expect(read.waitFor(300)).rejects.toThrow('projection bad has stopped: no such customer');
    broken = false;
    await read.rebuild(['bad'], 'full');
    await read.waitFor(300).catch(() => {});
    await until(
      async () => (await statusOf(read, 'bad')).state === 'running',
      () => statusOf(read, 'bad'),
    );
    expect(await shown(read, 'bad')).toEqual({ events: 200, position: 300 });
    expect(projector.problems()).toEqual([]);
  });

  it('folds rows of rows that are not in memory, whatever it looks up next', async () => {
    const heirs = heirsOf('heirs');
    const log = memoryLog([record(1, 'OrderCreated', 'x'), record(2, 'OrderCreated', 'y')]);
    const read = stored(log, [heirs]);
    const first = start(log, [heirs]);
    await read.waitFor(2);
    await first.stop();
    log.add([record(3, 'OrderCompleted', 'x'), record(4, 'OrderCompleted', 'y')]);
    start(log, [heirs]);
    await read.waitFor(4);
    const { rows } = await read.read('heirs', () =>
      select('select name, ends from people order by name collate "C"'),
    );
    expect(rows).toEqual([
      { name: 'heir of x', ends: 1 },
      { name: 'heir of y', ends: 1 },
    ]);
  });

  it('rebuilds beside what serves, which goes on: no read fails, and no position goes back', async () => {
    const log = memoryLog(orders(4_000));
    const all = [counting('a'), counting('b')];
    const read = stored(log, all);
    start(log, all);
    await read.waitFor(12_000);
    await read.rebuild(['a'], 'full');
    await expect(read.rebuild('all', 100)).rejects.toMatchObject({ code: 'rebuild-running' });
    await expect(read.rebuild(['b', 'x'], 100)).rejects.toMatchObject({ code: 'unknown-projection' });
    expect((await statusOf(read, 'b')).rebuild).toBeNull();
    let last = 0;
    let added = 4_000;
    await until(async () => {
      log.add(orders(added + 1).slice(added * 3));
      added += 1;
      const { build } = await statusOf(read, 'a');
      const { events, position } = await shown(read, 'a');
      expect(events).toBe(Math.floor(position / 3) * 2 + (position % 3 > 0 ? 1 : 0));
      expect(position).toBeGreaterThanOrEqual(last);
      last = position;
      return build === 1;
    });
    await read.waitFor(added * 3);
    expect(await shown(read, 'a')).toEqual({ events: added * 2, position: added * 3 });
    expect(await statusOf(read, 'a')).toMatchObject({
      version: 1,
      build: 1,
      state: 'running',
      rebuild: null,
    });
    await until(
      async () => (await tablesOf('a')).join() === 'a_v1_b1_counts',
      () => tablesOf('a'),
    );
  });

  it('waits for nobody who still reads the old tables: they go once they are not read any more', async () => {
    const log = memoryLog(orders(10));
    const all = [counting('a')];
    const read = stored(log, all);
    start(log, all);
    await read.waitFor(30);
    await database.postgres.transaction(async (query) => {
      await query('select * from a_v1_b0_counts');
      await read.rebuild('all', 'full');
      await until(async () => (await statusOf(read, 'a')).build === 1);
      log.add(orders(20).slice(30));
      await read.waitFor(60);
      expect(await tablesOf('a')).toHaveLength(2);
    }, 'snapshot');
    await until(
      async () => (await tablesOf('a')).join() === 'a_v1_b1_counts',
      () => tablesOf('a'),
    );
  });

  it('goes on with a rebuild that another has begun, at the pace that was asked for', async () => {
    const log = memoryLog(orders(700));
    const all = [counting('a')];
    const read = stored(log, all);
    const first = start(log, all);
    await read.waitFor(2_100);
    await read.rebuild('all', 1_000);
    const rebuild = async () => (await statusOf(read, 'a')).rebuild;
    await until(async () => ((await rebuild())?.position ?? 0) > 300);
    await first.stop();
    const at = (await rebuild())!.position;
    expect(at).toBeLessThan(2_100);
    start(log, all);
    await until(async () => (await rebuild()) === null || (await rebuild())!.position > at);
    expect(await rebuild()).toMatchObject({ build: 1, pace: 1_000, state: 'running' });
    await until(async () => (await statusOf(read, 'a')).build === 1);
    expect(await shown(read, 'a')).toEqual({ events: 1_400, position: 2_100 });
  });

  it('folds a new version beside the old one, which serves what it has until then', async () => {
    const log = memoryLog(orders(2_000));
    const before = [counting('a')];
    const first = start(log, before);
    await stored(log, before).waitFor(6_000);
    await first.stop();
    const it = counting('a', 2, twice);
    const wider = {
      ...it.tables.counts!,
      columns: { ...it.tables.counts!.columns, more: 'text' },
    };
    const changed: Projection = {
      ...it,
      tables: { counts: wider },
      fold: {
        ...it.fold,
        OrderCreated: ({ counts }, { correlation }) =>
          (counts as unknown as { put(row: unknown): void }).put({
            correlation,
            events: 7,
            types: [],
            more: 'yes',
          }),
      },
    };
    const read = stored(log, [changed]);
    const readMore = () => read.read('a', () => select('select more from counts limit 1'));
    await expect(readMore()).rejects.toThrow(RebuildingError);
    expect(await statusOf(read, 'a')).toMatchObject({ version: 1, state: 'outdated' });
    expect(await shown(read, 'a')).toEqual({ events: 4_000, position: 6_000 });
    start(log, [changed]);
    await read.waitFor(6_000);
    await until(async () => (await statusOf(read, 'a')).state === 'running');
    expect(await statusOf(read, 'a')).toMatchObject({ version: 2, build: 0, rebuild: null });
    expect((await readMore()).rows).toEqual([{ more: 'yes' }]);
    await until(
      async () => (await tablesOf('a')).join() === 'a_v2_b0_counts',
      () => tablesOf('a'),
    );
  });

  it('gives a rebuild up whose fold throws: the old rows serve, its tables go', async () => {
    let broken = false;
    const moody: Fold = (tables, it) => {
      if (broken && it.position === 61) throw new Error('no such customer');
      count(tables, it);
    };
    const log = memoryLog(orders(100));
    const all = [counting('a', 1, moody)];
    const read = stored(log, all);
    start(log, all);
    await read.waitFor(300);
    broken = true;
    await read.rebuild('all', 'full');
    await until(async () => (await statusOf(read, 'a')).rebuild?.state === 'stopped');
    expect(await statusOf(read, 'a')).toMatchObject({
      state: 'running',
      rebuild: { build: 1, error: { message: 'no such customer', position: 61 } },
    });
    await until(async () => (await tablesOf('a')).length === 1);
    log.add(orders(101).slice(300));
    await read.waitFor(303);
    broken = false;
    await read.rebuild('all', 'full');
    await until(async () => (await statusOf(read, 'a')).build === 2);
    expect(await shown(read, 'a')).toEqual({ events: 202, position: 303 });
  });
});

/** A row leads to another: who names the order, and the one that is named there. */
const heirsOf = (name: string): Projection =>
  projection({
    name,
    version: 1,
    tables: {
      wills: table<{ readonly id: string; readonly heir: string }>({
        columns: { id: 'text not null', heir: 'text not null' },
        key: ['id'],
        clustered: true,
      }),
      people: table<{ readonly name: string; readonly ends: number }>({
        columns: { name: 'text not null', ends: 'integer not null' },
        key: ['name'],
        clustered: true,
      }),
    },
    fold: {
      OrderCreated: ({ wills, people }, { correlation }) => {
        wills.put({ id: correlation, heir: `heir of ${correlation}` });
        people.put({ name: `heir of ${correlation}`, ends: 0 });
      },
      OrderCompleted: ({ wills, people }, { correlation }) => {
        // Throws where the row is missing: that is no fault of the fold.
        const { heir } = wills.get(correlation)!;
        const person = people.get(heir)!;
        people.put({ name: person.name, ends: person.ends + 1 });
      },
    },
  });
