import type { RecordedEvent } from '../../ports/event-log.ts';
import type { FoldingError, Pace } from '../../ports/read-models.ts';
import type { Projection } from '../../project/projection.ts';
import type { Sql } from '../connect.ts';
import { type BuildId, isSameBuild, tablePattern, tableSql } from './tables.ts';

/** The rows that say which build of a projection serves, and which is folded to take its place. */

/** A place in the log: a position, and what tells the record there, a `RecordMark` as JSON; '' before the first. */
export type Place = { readonly position: number; readonly record: string };

/** Which record it is, however positions are counted, and its time. */
export type RecordMark = Pick<RecordedEvent, 'stream' | 'revision' | 'id' | 'time'>;

/** The place after some records; `undefined` where there are none. */
export const placeAfter = (records: readonly RecordedEvent[]): Place | undefined => {
  const last = records.at(-1);
  if (last === undefined) return undefined;
  const { position, stream, revision, id, time } = last;
  return { position, record: JSON.stringify({ stream, revision, id, time } satisfies RecordMark) };
};

/** The record at a place; `undefined` before the first. */
export const markOf = ({ record }: Pick<Place, 'record'>): RecordMark | undefined =>
  record === '' ? undefined : (JSON.parse(record) as RecordMark);

/** What serves a projection, as its row says it. */
export type Serving = BuildId &
  Place & { readonly state: 'running' | 'waiting' | 'stopped'; readonly error: FoldingError | null };

/** What is to take its place. */
export type Rebuilding = Serving & {
  readonly pace: Pace;
  readonly eventsPerSecond: number | null;
  readonly secondsLeft: number | null;
};

/** A projection as its rows say it; nothing serves before somebody has folded it first. */
export type Slot = { readonly serving: Serving | undefined; readonly rebuild: Rebuilding | undefined };

/** Whether a rebuild goes on, or will: its fold has not thrown. */
export const isOpen = (rebuild: Rebuilding | undefined): rebuild is Rebuilding =>
  rebuild !== undefined && rebuild.state !== 'stopped';

type Row = Readonly<Record<string, unknown>> & { readonly name: string };

const columns = (of: string, prefix: string) =>
  ['version', 'build', 'position', 'record', 'state', 'error']
    .map((column) => `${of}.${column} as "${prefix}_${column}"`)
    .join(', ');

const slotsSql = `select p.name, ${columns('p', 's')}, ${columns('r', 'r')}, r.pace, r.events_per_second, r.seconds_left
  from projection p left join projection_rebuild r using (name) where p.name = any($1)`;

const buildOf = (row: Row, prefix: string): Serving => {
  const of = (column: string) => row[`${prefix}_${column}`];
  const error = of('error') as string | null;
  return {
    version: of('version') as number,
    build: of('build') as number,
    position: of('position') as number,
    record: of('record') as string,
    state: of('state') as Serving['state'],
    error: error === null ? null : (JSON.parse(error) as FoldingError),
  };
};

/** Reads slots, by the names of their projections. */
export const readSlots = async (query: Sql, names: readonly string[]): Promise<ReadonlyMap<string, Slot>> => {
  const rows = await query<Row>(slotsSql, [names]);
  return new Map(
    rows.map((row) => {
      const rebuild: Rebuilding | undefined =
        row.r_version === null
          ? undefined
          : {
              ...buildOf(row, 'r'),
              pace: JSON.parse(row.pace as string) as Pace,
              eventsPerSecond: row.events_per_second as number | null,
              secondsLeft: row.seconds_left as number | null,
            };
      return [row.name, { serving: buildOf(row, 's'), rebuild }];
    }),
  );
};

const lockMsMax = 200;

/** Makes the tables of a build, in place of any that a crash has left. */
export const makeTables = async (query: Sql, projection: Projection, id: BuildId): Promise<void> => {
  await dropTables(query, projection.name, (found) => isSameBuild(found, id));
  for (const statement of tableSql(projection, id)) await query(statement);
};

/**
 * Drops the tables of those builds of a projection. Who reads them is not waited for: it rejects, for the transaction
 * holds the lease, whose renewals wait for it.
 */
export const dropTables = async (
  query: Sql,
  name: string,
  which: (id: BuildId) => boolean,
): Promise<void> => {
  const found = await query<{ table: string; id: readonly string[] }>(
    `select quote_ident(tablename) as table, regexp_match(tablename, $1) as id from pg_tables
     where schemaname = current_schema() and tablename ~ $1`,
    [tablePattern(name)],
  );
  const gone = found.filter(({ id }) => which({ version: Number(id[0]), build: Number(id[1]) }));
  if (gone.length === 0) return;
  await query(`select set_config('lock_timeout', '${lockMsMax}ms', true)`);
  await query(`drop table ${gone.map(({ table }) => table).join(', ')}`);
};

/** Lets a build serve that begins before the first record: the projection's first, or one after a log that is gone. */
export const serveNew = async (query: Sql, name: string, { version, build }: BuildId): Promise<void> => {
  await query('delete from projection_rebuild where name = $1', [name]);
  await query(
    `insert into projection (name, version, build) values ($1, $2, $3)
     on conflict (name) do update set version = $2, build = $3, position = 0, record = '', state = 'running', error = null`,
    [name, version, build],
  );
};

/** Notes that a build is to be folded to take the place of what serves, from the first record on. */
export const beginRebuild = async (
  query: Sql,
  name: string,
  { version, build }: BuildId,
  pace: Pace,
): Promise<void> => {
  await query('delete from projection_rebuild where name = $1', [name]);
  await query('insert into projection_rebuild (name, version, build, pace) values ($1, $2, $3, $4)', [
    name,
    version,
    build,
    JSON.stringify(pace),
  ]);
};

/** Lets what was rebuilt serve, where it shows as much as what serves; false where it does not. */
export const swapIn = async (
  query: Sql,
  name: string,
  { version, build }: BuildId,
  { position, record }: Place,
): Promise<boolean> => {
  const swapped = await query(
    `update projection set version = $2, build = $3, position = $4, record = $5, state = 'running', error = null
     where name = $1 and (position <= $4 or state = 'stopped') returning name`,
    [name, version, build, position, record],
  );
  if (swapped.length > 0) await query('delete from projection_rebuild where name = $1', [name]);
  return swapped.length > 0;
};
