import type { FoldingError } from '../../ports/read-models.ts';
import type { Sql } from '../connect.ts';
import type { Place } from './slots.ts';
import type { BuildId } from './tables.ts';

/** Where the place of a build is kept: in the row of what serves, or in that of what is to take its place. */
export type BuildPlace = {
  /** The place as it stands there, `undefined` where the row is another build's. */
  find(query: Sql): Promise<Place | undefined>;
  /** Notes why it waits. */
  note(query: Sql, waiting: FoldingError): Promise<void>;
  /**
   * The beginning of a statement that moves it, under a lease and from where it was: `fence` has a row where the lease
   * is ours, `moved` one where it was moved, too. `values` are those of the statement's first parameters, always as many.
   */
  readonly moveSql: string;
  values(
    lease: { readonly name: string; readonly epoch: number },
    from: Place,
    to: Place,
    stopped: FoldingError | null,
  ): readonly unknown[];
};

/**
 * A transaction of a read model is not synced when it commits: a server that crashes may lose the last ones, rows and
 * places together, and they are folded again. The log's own are.
 */
const unsynced = `set_config('synchronous_commit', 'off', true)`;

/** As `fencedBy`, for one statement: nobody else can get the lease before it has ended. */
const fence = `fence as materialized (
  select epoch from lease where name = $1 and epoch = $2 and owner is not null for share
)`;

const statementsOn = (table: string, also = '') => ({
  find: `select position, record from ${table} where name = $1 and version = $2 and build = $3`,
  note: `update ${table} set state = 'waiting', error = $4 where name = $1 and version = $2 and build = $3`,
  move: `with ${fence}, moved as (
  update ${table} set position = $7, record = $8, state = $9, error = $10${also}
  where name = $3 and version = $4 and build = $5 and position = $6 and exists (select from fence)
  returning ${unsynced}
)`,
});

const placeIn = (
  sql: ReturnType<typeof statementsOn>,
  name: string,
  { version, build }: BuildId,
  more: (position: number) => readonly unknown[],
): BuildPlace => ({
  find: async (query) => {
    const [found] = await query<Place>(sql.find, [name, version, build]);
    return found;
  },
  note: async (query, waiting) => {
    await query(sql.note, [name, version, build, JSON.stringify(waiting)]);
  },
  moveSql: sql.move,
  values: (lease, from, to, stopped) => [
    lease.name,
    lease.epoch,
    name,
    version,
    build,
    from.position,
    to.position,
    to.record,
    stopped === null ? 'running' : 'stopped',
    stopped && JSON.stringify(stopped),
    ...more(to.position),
  ],
});

const onServing = statementsOn('projection');
const onRebuild = statementsOn('projection_rebuild', ', events_per_second = $11, seconds_left = $12');

/** The place of a build that serves. */
export const servingPlace = (name: string, id: BuildId): BuildPlace => placeIn(onServing, name, id, () => []);

/** How fast a rebuild goes, and how long it will take, as far as that is known. */
export type Speed = { readonly eventsPerSecond: number | null; readonly secondsLeft: number | null };

/** The place of a build that is to serve; `speedAt` is asked whenever it moves. */
export const rebuildPlace = (name: string, id: BuildId, speedAt: (position: number) => Speed): BuildPlace =>
  placeIn(onRebuild, name, id, (position) => {
    const { eventsPerSecond, secondsLeft } = speedAt(position);
    return [eventsPerSecond, secondsLeft];
  });
