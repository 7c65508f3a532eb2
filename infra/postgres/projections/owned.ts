import type { Logger } from 'pino';
import type { Clock } from '../../ports/clock.ts';
import type { EventLog } from '../../ports/event-log.ts';
import type { Lease } from '../../ports/leases.ts';
import type { Pace, ProjectionStatus } from '../../ports/read-models.ts';
import { rateMeter, secondsLeft } from '../../project/pace.ts';
import type { Projection } from '../../project/projection.ts';
import type { Postgres, Sql } from '../connect.ts';
import { fencedBy } from '../leases.ts';
import { type Build, openBuild } from './build.ts';
import { rebuildPlace, type Speed, servingPlace } from './places.ts';
import {
  beginRebuild,
  dropTables,
  isOpen,
  makeTables,
  markOf,
  type Place,
  type Rebuilding,
  readSlots,
  type Serving,
  type Slot,
  serveNew,
  swapIn,
} from './slots.ts';
import { type BuildId, isSameBuild } from './tables.ts';

/** A projection whose lease is ours. */
export type Owned = {
  readonly projection: Projection;
  /** What serves it and follows the log; `undefined` where that is what another version has folded. */
  serving(): Build | undefined;
  /** What is folded to take its place, and how fast. */
  rebuild(): { readonly build: Build; readonly pace: Pace } | undefined;
  /** Takes up a rebuild that somebody has asked for, and drops what could not be dropped before. */
  hear(slot: Slot): Promise<void>;
  /** Lets the rebuild serve; false where what serves shows more by now. */
  swap(): Promise<boolean>;
  /** Gives up a rebuild whose fold threw: its tables go, why it stopped stays. */
  giveUp(): Promise<void>;
  status(): ProjectionStatus;
};

/** What the log of a projector's rebuilds looks like now. */
export type Growth = { head(): number; perSecond(): number };

/** What a projection is taken up with. */
export type OwnedOptions = {
  readonly projection: Projection;
  readonly lease: Lease;
  readonly postgres: Postgres;
  readonly log: Pick<EventLog, 'readStream'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly growth: Growth;
};

/** Rates of a rebuild are of so much of the past. */
const rateMs = 5_000;

/**
 * Takes up a projection where it stands. Its own version goes on; another one goes on serving as it is, and a rebuild
 * of this version is begun. Where there is nothing that could serve, a new build does so at once, however far behind.
 */
export const takeUp = async (options: OwnedOptions): Promise<Owned> => {
  const { projection, lease, postgres, log, clock, logger, growth } = options;
  const { name, version } = projection;

  const fenced = <T>(run: (query: Sql) => Promise<T>): Promise<T> =>
    postgres.transaction(async (query) => {
      await fencedBy(query, lease);
      return run(query);
    });

  const slotOf = async (query: Sql): Promise<Slot> =>
    (await readSlots(query, [name])).get(name) ?? { serving: undefined, rebuild: undefined };

  const isOfLog = async (place: Place): Promise<boolean> => {
    const mark = markOf(place);
    if (mark === undefined) return place.position === 0;
    const [found] = await log.readStream(mark.stream, { from: mark.revision, max: 1 });
    return found?.id === mark.id && found.position === place.position;
  };

  const found = await slotOf(postgres.query);
  const serves = found.serving !== undefined && (await isOfLog(found.serving));
  if (found.serving !== undefined && !serves)
    logger.warn({ projection: name }, `projection ${name} was folded from another log: it is folded anew`);
  const goesOn =
    found.rebuild?.version === version && found.rebuild.position > 0 && (await isOfLog(found.rebuild));

  const planned = await fenced(async (query) => {
    const { serving, rebuild } = await slotOf(query);
    if (serving === undefined || !serves) {
      const id = { version, build: serving?.version === version ? serving.build + 1 : 0 };
      await makeTables(query, projection, id);
      await serveNew(query, name, id);
    } else if (serving.version !== version && !(goesOn && isOpen(rebuild))) {
      const id = { version, build: 0 };
      await makeTables(query, projection, id);
      await beginRebuild(query, name, id, isOpen(rebuild) ? rebuild.pace : 'default');
    } else if (rebuild !== undefined && rebuild.version !== version)
      await query('delete from projection_rebuild where name = $1', [name]);
    else if (isOpen(rebuild) && !goesOn) {
      await makeTables(query, projection, rebuild);
      await beginRebuild(query, name, rebuild, rebuild.pace);
    }
    return slotOf(query);
  });

  const open = (id: BuildId, place: Place, placed: Parameters<typeof openBuild>[0]['placed']) =>
    openBuild({ projection, id, place, placed, lease, postgres, clock });
  let pointer: Serving = planned.serving!;
  let serving = pointer.version === version ? open(pointer, pointer, servingPlace(name, pointer)) : undefined;
  let rebuild: { readonly build: Build; readonly pace: Pace } | undefined;
  let tidy = false;
  let speed: Speed = { eventsPerSecond: null, secondsLeft: null };

  const measured = () => {
    const rate = rateMeter(clock, rateMs);
    return (position: number): Speed => {
      const perSecond = rate.perSecond(position);
      const left = secondsLeft({ position, head: growth.head() }, perSecond, growth.perSecond());
      const rounded = (value: number | null) => value && Math.round(value);
      speed = { eventsPerSecond: rounded(perSecond), secondsLeft: rounded(left) };
      return speed;
    };
  };

  const beginWith = ({ version, build, position, record, pace }: Rebuilding) => {
    const id = { version, build };
    speed = { eventsPerSecond: null, secondsLeft: null };
    rebuild = { build: open(id, { position, record }, rebuildPlace(name, id, measured())), pace };
    logger.info({ projection: name, ...id, position, pace }, `projection ${name} is being rebuilt`);
  };
  if (isOpen(planned.rebuild)) beginWith(planned.rebuild);

  /** Where somebody still reads the old tables they go later. */
  const dropStrays = async () => {
    try {
      await fenced(async (query) => {
        const { serving, rebuild } = await slotOf(query);
        const kept = [serving, isOpen(rebuild) ? rebuild : undefined].filter((it) => it !== undefined);
        await dropTables(query, name, (id) => !kept.some((it) => isSameBuild(it, id)));
      });
      tidy = true;
    } catch (error) {
      tidy = false;
      logger.debug({ err: error }, `old tables of ${name} are still there`);
    }
  };
  await dropStrays();

  return {
    projection,
    serving: () => serving,
    rebuild: () => rebuild,
    hear: async ({ rebuild: asked }) => {
      if (!tidy) await dropStrays();
      if (!isOpen(asked)) return;
      if (rebuild !== undefined && isSameBuild(rebuild.build.id, asked)) return;
      if (asked.version !== version || asked.position > 0) return;
      await fenced((query) => makeTables(query, projection, asked));
      beginWith(asked);
    },
    swap: async () => {
      const { build } = rebuild!;
      const place = build.place();
      if (!(await fenced((query) => swapIn(query, name, build.id, place)))) return false;
      pointer = { ...build.id, ...place, state: 'running', error: null };
      serving = open(build.id, place, servingPlace(name, build.id));
      rebuild = undefined;
      logger.info(
        { projection: name, ...build.id, ...place },
        `projection ${name} is served by what was rebuilt`,
      );
      await dropStrays();
      return true;
    },
    giveUp: async () => {
      const { build } = rebuild!;
      logger.error(
        { projection: name, ...build.id, ...build.error() },
        `the rebuild of projection ${name} was given up`,
      );
      await dropStrays();
    },
    status: () => ({
      name,
      version: pointer.version,
      build: pointer.build,
      position: (serving?.place() ?? pointer).position,
      state: serving === undefined ? 'outdated' : stateOf(serving),
      error: serving?.error() ?? null,
      rebuild: rebuild
        ? {
            ...rebuild.build.id,
            position: rebuild.build.place().position,
            head: growth.head(),
            ...speed,
            pace: rebuild.pace,
            state: stateOf(rebuild.build),
            error: rebuild.build.error(),
          }
        : null,
    }),
  };
};

/** One that is no longer ours is somebody else's to go on with. */
const stateOf = (build: Build) => {
  const state = build.state();
  return state === 'gone' ? 'waiting' : state;
};
