import { UnavailableError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RecordedEvent } from '../../ports/event-log.ts';
import type { Lease } from '../../ports/leases.ts';
import type { FoldingError } from '../../ports/read-models.ts';
import { errorOf, foldRecords, textOf, type Unfolded } from '../../project/fold-records.ts';
import type { Projection } from '../../project/projection.ts';
import type { Postgres } from '../connect.ts';
import { LeaseLostError } from '../leases.ts';
import type { BuildPlace } from './places.ts';
import { batchRows, writeSql } from './rows.ts';
import { type Place, placeAfter } from './slots.ts';
import { type BuildId, tableName } from './tables.ts';

/** One fold of a projection into its tables, by the only process that holds its lease. */
export type Build = {
  readonly id: BuildId;
  /** `gone`: it is no longer ours, or another serves: it never goes on. */
  state(): 'running' | 'waiting' | 'stopped' | 'gone';
  error(): FoldingError | null;
  place(): Place;
  /** Whether it can take records now: one that could not be written rests for a while. */
  goes(): boolean;
  /**
   * Folds what it has not seen yet of the records that come right after a position, and writes rows and place in one
   * transaction; nothing where it lacks records before that. Never rejects: see `state`. One at a time.
   */
  take(after: number, records: readonly RecordedEvent[]): Promise<void>;
};

/** What a build is opened with. */
export type BuildOptions = {
  readonly projection: Projection;
  readonly id: BuildId;
  readonly place: Place;
  readonly placed: BuildPlace;
  readonly lease: Lease;
  readonly postgres: Postgres;
  readonly clock: Clock;
};

/** How long a build rests that could not be written. */
const restMs = 1_000;

/** The row of the place is not as we left it: a server that has lost its last transactions, or another owner. */
const moved = new Error('the place was moved by somebody else');

/** Lets a build go on from its place. */
export const openBuild = ({ projection, id, lease, postgres, clock, ...options }: BuildOptions): Build => {
  const tables = Object.fromEntries(
    Object.entries(projection.tables).map(([name, spec]) => [
      name,
      batchRows(tableName(projection.name, id, name), spec),
    ]),
  );
  const all = Object.values(tables);
  const { placed } = options;
  const commitSql = commitSqlOf(projection, id, placed);
  let place = options.place;
  let state: ReturnType<Build['state']> = 'running';
  let error: FoldingError | null = null;
  /** What is in memory may not be what is written. */
  let unsure = false;
  let restsUntil = Number.NEGATIVE_INFINITY;

  const forget = () => {
    for (const rows of all) rows.forget();
  };

  /**
   * Folds the records as often as it takes until every row that the fold asks for is in memory: a fold is pure, so
   * what it made of missing rows is dropped. What it throws counts only where nothing was missing.
   */
  const fold = async (records: readonly RecordedEvent[]): Promise<Unfolded | undefined> => {
    for (;;) {
      for (const rows of all) rows.drop();
      const failed = foldAll(records);
      if (all.every((rows) => rows.missing() === 0)) return failed;
      await Promise.all(all.map((rows) => rows.load(postgres.query)));
    }
  };

  /** Goes on after a record that throws while rows are missing, to find out what else is. */
  const foldAll = (records: readonly RecordedEvent[]): Unfolded | undefined => {
    let after = place.position;
    for (;;) {
      const failed = foldRecords(projection, tables, records, after);
      if (failed === undefined || all.every((rows) => rows.missing() === 0)) return failed;
      after = failed.record.position;
    }
  };

  /** One statement, and so one transaction: rows and place, under the lease. */
  const commit = async (to: Place, stopped: FoldingError | null) => {
    const values = [...placed.values(lease, place, to, stopped), ...all.flatMap((rows) => rows.changes())];
    const [done] = await postgres.query<{ fenced: number; moved: number }>(commitSql, values);
    if (done?.fenced !== 1) throw new LeaseLostError([lease.name]);
    if (done.moved !== 1) throw moved;
    for (const rows of all) rows.keep();
    place = to;
  };

  /** Keeps what came before the record that cannot be folded, and stops there. */
  const stop = async (fresh: readonly RecordedEvent[], failed: Unfolded) => {
    for (const rows of all) rows.drop();
    const before = fresh.filter(({ position }) => position < failed.record.position);
    foldRecords(projection, tables, before, place.position);
    const why = errorOf(failed);
    await commit(placeAfter(before) ?? place, why);
    state = 'stopped';
    error = why;
  };

  const reload = async () => {
    forget();
    const found = await placed.find(postgres.query);
    if (found === undefined) {
      state = 'gone';
      return;
    }
    place = found;
    unsure = false;
  };

  const wait = async (thrown: unknown) => {
    state = 'waiting';
    error = { message: textOf(thrown) };
    restsUntil = clock.monotonic() + restMs;
    // Where nothing can be reached nobody could read it either.
    if (!(thrown instanceof UnavailableError)) await placed.note(postgres.query, error).catch(() => {});
  };

  const attempt = async (after: number, records: readonly RecordedEvent[]) => {
    if (unsure) await reload();
    if (state === 'gone' || place.position < after) return;
    const fresh = records.filter(({ position }) => position > place.position);
    const to = placeAfter(fresh);
    // Nothing is left where what had no answer was written after all.
    if (to !== undefined) {
      const failed = await fold(fresh);
      if (failed !== undefined) return stop(fresh, failed);
      await commit(to, null);
    }
    state = 'running';
    error = null;
  };

  return {
    id,
    state: () => state,
    error: () => error,
    place: () => place,
    goes: () =>
      !lease.lost.aborted && state !== 'stopped' && state !== 'gone' && clock.monotonic() >= restsUntil,
    take: async (after, records) => {
      try {
        await attempt(after, records);
      } catch (thrown) {
        unsure = true;
        forget();
        if (thrown instanceof LeaseLostError || lease.lost.aborted) state = 'gone';
        else if (thrown !== moved) await wait(thrown);
      }
    },
  };
};

/** Moves the place, and writes rows of every table where it was moved. */
const commitSqlOf = ({ name, tables }: Projection, id: BuildId, { moveSql, values }: BuildPlace): string => {
  const nowhere: Place = { position: 0, record: '' };
  let first = values({ name: '', epoch: 0 }, nowhere, nowhere, null).length + 1;
  const writes = Object.entries(tables).map(([table, spec], n) => {
    const sql = writeSql(tableName(name, id, table), spec, first, 'exists (select from moved)');
    first += Object.keys(spec.columns).length;
    return `w${n} as (${sql})`;
  });
  return `${[moveSql, ...writes].join(', ')}
    select (select count(*) from fence) as fenced, (select count(*) from moved) as moved`;
};
