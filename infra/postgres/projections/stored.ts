import pg from 'pg';
import { UnavailableError } from '../../errors.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import type { EventLog } from '../../ports/event-log.ts';
import {
  type Pace,
  type ProjectionStatus,
  RebuildingError,
  RebuildRefusedError,
} from '../../ports/read-models.ts';
import type { Projection } from '../../project/projection.ts';
import { answeredLater, type Reads, type Shown } from '../../project/select.ts';
import type { Postgres, Sql } from '../connect.ts';
import { postgresSql } from './dialect.ts';
import { beginRebuild, isOpen, markOf, type Place, readSlots, type Slot } from './slots.ts';
import { type BuildId, tableNames } from './tables.ts';

/**
 * What was read, which version of the projection has folded it, and the time of the last record that it shows (in
 * milliseconds since 1970; null before the first).
 */
export type ShownOf<T> = Shown<T> & { readonly version: number; readonly time: number | null };

/** The read models in PostgreSQL, for who reads them, looks at them, or wants them folded anew: any process. */
export type StoredProjections = {
  /**
   * Everything that `reads` reads is of one position; they begin again where another build has begun to serve meanwhile.
   * Rejects with `RebuildingError` where what serves is of another version and does not have what is read, with
   * `UnavailableError` where it cannot be read.
   */
  read<T>(name: string, reads: () => Reads<T>): Promise<ShownOf<T>>;
  /** How all of them stand, as their owners have written it. Rejects with `UnavailableError`. */
  status(): Promise<readonly ProjectionStatus[]>;
  /**
   * Asks for rebuilds, all or none; whoever owns the projections begins them within a second. Rejects with a
   * `RebuildRefusedError` where nothing was changed.
   */
  rebuild(names: readonly string[] | 'all', pace: Pace): Promise<void>;
  /** Resolves once all show this position. Rejects where one has stopped before it, and when this is closed. */
  waitFor(position: number): Promise<void>;
  /** Ends who waits; the pool is its owner's. */
  close(): Promise<void>;
};

/** How often it is looked how far they are. */
const lookEveryMs = 50;
/** How often another build may begin to serve while one reads. */
const triesMax = 3;

/** PostgreSQL's codes for a table and a column that are not there. */
const missing = new Set(['42P01', '42703']);
const isMissing = (error: unknown): error is pg.DatabaseError =>
  error instanceof pg.DatabaseError && missing.has(error.code ?? '');

type Serving = BuildId & Place;

/** Opens what the projectors fill, for reading. */
export const openStoredProjections = (options: {
  readonly postgres: Postgres;
  readonly projections: readonly Projection[];
  readonly log: Pick<EventLog, 'head'>;
  readonly clock: Clock;
}): StoredProjections => {
  const { postgres, projections, log, clock } = options;
  const names = projections.map(({ name }) => name);
  const closing = new AbortController();
  const texts = new Map<string, BuildId & { readonly of: Map<string, string> }>();

  /** The text of a statement for the build that serves; those of one before it are forgotten. */
  const textsOf = (projection: Projection, id: BuildId): ((sql: string) => string) => {
    let known = texts.get(projection.name);
    if (known?.version !== id.version || known.build !== id.build) {
      known = { version: id.version, build: id.build, of: new Map() };
      texts.set(projection.name, known);
    }
    const { of } = known;
    const tables = tableNames(projection, id);
    return (sql) => {
      const text = of.get(sql) ?? postgresSql(sql, tables);
      of.set(sql, text);
      return text;
    };
  };

  const readIn = async <T>(
    query: Sql,
    projection: Projection,
    reads: () => Reads<T>,
  ): Promise<ShownOf<T>> => {
    const { name } = projection;
    const [serving] = await query<Serving>(
      'select version, build, position, record from projection where name = $1',
      [name],
    );
    if (serving === undefined) throw new UnavailableError(`the read model ${name} is not there yet`);
    const { version, position } = serving;
    const textOf = textsOf(projection, serving);
    const rows = await answeredLater(({ sql, values }) => query(textOf(sql), values), reads());
    return { rows, position, version, time: markOf(serving)?.time ?? null };
  };

  const read: StoredProjections['read'] = async (name, reads) => {
    const projection = projections.find((it) => it.name === name);
    if (projection === undefined) throw new Error(`there is no projection ${name}`);
    for (let tries = 1; ; tries += 1) {
      try {
        return await postgres.transaction((query) => readIn(query, projection, reads), 'snapshot');
      } catch (error) {
        if (!isMissing(error)) throw error;
        // What served when the transaction began may have been dropped before it was read: another serves now.
        if (tries < triesMax) continue;
        if (texts.get(name)?.version !== projection.version) throw new RebuildingError(name, error);
        throw new UnavailableError(`the read model ${name} cannot be read`, { cause: error });
      }
    }
  };

  const status = async () => {
    const [slots, head] = await Promise.all([readSlots(postgres.query, names), log.head()]);
    return projections.map((it) => statusOf(it, slots.get(it.name), head));
  };

  const rebuild: StoredProjections['rebuild'] = async (asked, pace) => {
    const wanted = asked === 'all' ? names : asked;
    for (const name of wanted)
      if (!names.includes(name))
        throw new RebuildRefusedError('unknown-projection', `there is no projection ${name}`);
    await postgres.transaction(async (query) => {
      await query('select from projection where name = any($1) order by name for update', [wanted]);
      const slots = await readSlots(query, wanted);
      const absent = wanted.find((name) => !slots.has(name));
      if (absent !== undefined) throw new UnavailableError(`the read model ${absent} is not there yet`);
      const busy = wanted.filter((name) => isOpen(slots.get(name)?.rebuild));
      if (busy.length > 0)
        throw new RebuildRefusedError(
          'rebuild-running',
          `a rebuild of ${busy.join(', ')} is running already`,
        );
      for (const name of wanted) await beginRebuild(query, name, nextBuild(slots.get(name)!), pace);
    });
  };

  return {
    read,
    status,
    rebuild,
    waitFor: async (position) => {
      for (;;) {
        const all = await status();
        const stuck = all.find((it) => isStuck(it) && it.position < position);
        if (stuck !== undefined)
          throw new Error(
            `projection ${stuck.name} has stopped: ${(stuck.error ?? stuck.rebuild?.error)?.message}`,
          );
        if (all.every((it) => it.position >= position)) return;
        await sleep(clock, lookEveryMs, closing.signal);
        if (closing.signal.aborted) throw new UnavailableError('the read models are closed');
      }
    },
    close: async () => closing.abort(),
  };
};

/** The one after all that there were of the version that its owner folds. */
const nextBuild = ({ serving, rebuild }: Slot): BuildId => {
  const { version, build } = rebuild ?? serving!;
  const last = serving?.version === version ? Math.max(build, serving.build) : build;
  return { version, build: last + 1 };
};

const isStuck = ({ state, rebuild }: ProjectionStatus) =>
  state === 'stopped' || (state === 'outdated' && rebuild?.state === 'stopped');

const statusOf = ({ name, version }: Projection, slot: Slot | undefined, head: number): ProjectionStatus => {
  const { serving, rebuild } = slot ?? {};
  if (serving === undefined) {
    const error = { message: 'no projector has begun it yet' };
    return { name, version, build: 0, position: 0, state: 'waiting', error, rebuild: null };
  }
  const { record: _, ...stands } = serving;
  return {
    name,
    ...stands,
    state: serving.version === version ? serving.state : 'outdated',
    rebuild: rebuild === undefined ? null : shownRebuild(rebuild, head),
  };
};

const shownRebuild = (
  { record: _, ...rebuild }: NonNullable<Slot['rebuild']>,
  head: number,
): ProjectionStatus['rebuild'] => ({ ...rebuild, head });
