import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { StreamName } from '@recourse/contracts/streams';
import { anEvent, freshStream } from '../../../test/contract/event-log/events.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../../test/stack/kit.ts';
import { ConflictError } from '../../errors.ts';
import { noStream, type RecordedEvent } from '../../ports/event-log.ts';
import type { PostgresLog } from './log.ts';
import { eventually, openedLogs } from './testing/logs.ts';

/** A place that was acknowledged. */
type Acknowledged = {
  readonly stream: StreamName;
  readonly id: string;
  readonly revision: number;
  position: number;
};

const appendsEach = 60;
const streamsRaced = 8;

describeOnStack('processes that race on one log in PostgreSQL', () => {
  let database: FreshDatabase;
  let logs: ReturnType<typeof openedLogs>;
  beforeAll(async () => {
    database = await freshDatabase();
    logs = openedLogs(database.settings);
  });
  afterAll(async () => {
    await logs.close();
    await database.drop();
  });

  const streams = Array.from({ length: streamsRaced }, freshStream);
  let conflicts = 0;

  /** Appends one to three events to one of the streams, wherever it ends, over and over. */
  const race = async (log: PostgresLog, worker: number): Promise<readonly Acknowledged[]> => {
    const acknowledged: Acknowledged[] = [];
    for (let count = 0; count < appendsEach; count += 1) {
      const stream = streams[(worker + count) % streamsRaced]!;
      const events = Array.from({ length: 1 + (count % 3) }, () => anEvent());
      try {
        const { revision, position } = await log.append(stream, await log.headOf(stream), events);
        events.forEach(({ id }, index) => {
          const before = events.length - 1 - index;
          acknowledged.push({ stream, id, revision: revision - before, position: position - before });
        });
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        conflicts += 1;
      }
    }
    return acknowledged;
  };

  /** Reads positions as fast as it can until it is told to stop; a record that turns up later is never seen. */
  const watch = (stopped: () => boolean) => {
    const seen: number[] = [];
    const watched = (async () => {
      for (let last = false; ; ) {
        last = stopped();
        const rows = await database.postgres.query<{ position: number }>(
          'select "position" from log_records where "position" > $1 order by "position"',
          [seen.at(-1) ?? 0],
        );
        for (const { position } of rows) seen.push(position);
        if (last) return seen;
      }
    })();
    return watched;
  };

  it('gives positions without gaps in the order of commits: who goes by position passes over nothing', async () => {
    const processes = await Promise.all([1, 2, 3].map(() => logs.open({ limits: { callsInFlightMax: 2 } })));
    const followed = processes.map((): RecordedEvent[] => []);
    processes.forEach((log, index) => {
      log.follow(0, 50, (records) => void followed[index]!.push(...records));
    });
    let over = false;
    const watched = watch(() => over);
    const workers = processes.flatMap((log) => Array.from({ length: 6 }, (_, worker) => race(log, worker)));
    const acknowledged = (await Promise.all(workers)).flat();
    over = true;

    const count = acknowledged.length;
    const positions = Array.from({ length: count }, (_, index) => index + 1);
    expect(conflicts).toBeGreaterThan(0);
    expect(acknowledged.map(({ position }) => position).toSorted((a, b) => a - b)).toEqual(positions);
    expect(await watched).toEqual(positions);
    await eventually(() => followed.every((records) => records.length >= count));
    for (const records of followed) expect(records.map(({ position }) => position)).toEqual(positions);

    const [records] = followed;
    for (const { id, stream, revision, position } of acknowledged)
      expect(records![position - 1]).toMatchObject({ id, stream, revision });
    const times = records!.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(await processes[0]!.readAll(0, count)).toEqual(followed[1]);
    for (const stream of streams) {
      const own = records!.filter((record) => record.stream === stream);
      expect(own.map(({ revision }) => revision)).toEqual(own.map((_, index) => index));
    }
  });

  it('lets no append come before one that is not committed yet, nor overlook what it stores', async () => {
    const log = await logs.open();
    const { postgres } = database;
    const [stream, head] = [freshStream(), await log.head()];
    const [began, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    // It has taken its place in line, and an old snapshot of everything else.
    const first = postgres.transaction(async (query) => {
      await query('select from log_begin()');
      began.resolve();
      await end.promise;
      await query('update log_head set "position" = "position" + 3');
    });
    await began.promise;
    const appended = log.append(stream, noStream, [anEvent()]);
    const waiting = `select 1 from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`;
    while ((await postgres.query(waiting)).length === 0)
      await new Promise((resolve) => setImmediate(resolve));
    expect(await log.head()).toBe(head);
    expect(await log.headOf(stream)).toBe(noStream);
    end.resolve();
    await first;
    expect((await appended).position).toBe(head + 4);
  });
});
