import type { BuildPlace } from './build.ts';
import type { BuildId } from './tables.ts';

/**
 * A transaction of a read model is not synced when it commits: a server that crashes may lose the last ones, rows and
 * places together, and they are folded again. The log's own are.
 */
const unsynced = `set_config('synchronous_commit', 'off', true)`;

const placeIn = (table: string, also = ''): Record<'find' | 'move' | 'note', string> => ({
  find: `select position, record from ${table} where name = $1 and version = $2 and build = $3`,
  move: `update ${table} set position = $5, record = $6, state = $7, error = $8${also}
    where name = $1 and version = $2 and build = $3 and position = $4 returning ${unsynced}`,
  note: `update ${table} set state = 'waiting', error = $4 where name = $1 and version = $2 and build = $3`,
});

const ofServing = placeIn('projection');
const ofRebuild = placeIn('projection_rebuild', ', events_per_second = $9, seconds_left = $10');

const placed = (
  sql: ReturnType<typeof placeIn>,
  name: string,
  { version, build }: BuildId,
  more: (position: number) => readonly unknown[],
): BuildPlace => ({
  find: async (query) => {
    const [found] = await query<{ position: number; record: string }>(sql.find, [name, version, build]);
    return found;
  },
  move: async (query, from, to, stopped) => {
    const state = stopped === null ? 'running' : 'stopped';
    const error = stopped && JSON.stringify(stopped);
    const values = [name, version, build, from.position, to.position, to.record, state, error];
    const done = await query(sql.move, [...values, ...more(to.position)]);
    return done.length > 0;
  },
  note: async (query, waiting) => {
    await query(sql.note, [name, version, build, JSON.stringify(waiting)]);
  },
});

/** The place of a build that serves. */
export const servingPlace = (name: string, id: BuildId): BuildPlace => placed(ofServing, name, id, () => []);

/** How fast a rebuild goes, and how long it will take, as far as that is known. */
export type Speed = { readonly eventsPerSecond: number | null; readonly secondsLeft: number | null };

/** The place of a build that is to serve; `speedAt` is asked whenever it moves. */
export const rebuildPlace = (name: string, id: BuildId, speedAt: (position: number) => Speed): BuildPlace =>
  placed(ofRebuild, name, id, (position) => {
    const { eventsPerSecond, secondsLeft } = speedAt(position);
    return [eventsPerSecond, secondsLeft];
  });
