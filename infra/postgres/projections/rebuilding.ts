import type { Logger } from 'pino';
import { type Clock, sleep } from '../../ports/clock.ts';
import type { EventLog } from '../../ports/event-log.ts';
import type { Pace } from '../../ports/read-models.ts';
import { restMs } from '../../project/pace.ts';
import type { Postgres } from '../connect.ts';
import type { Build } from './build.ts';
import { complaints } from './feed.ts';
import type { Growth, Owned } from './owned.ts';
import { readSlots } from './slots.ts';

/** The most records of a rebuild that are read at a time, each time a transaction. */
const recordsMax = 2_000;
/** At most so much of a rebuild with a rate is folded between two looks. */
const stepsASecondMin = 10;
/** How soon one that is asked for is heard of. */
const lookEveryMs = 500;

/** What rebuilds are folded with. `served` is told of what serves now in the place of what served. */
export type RebuildingOptions = {
  readonly postgres: Postgres;
  readonly log: Pick<EventLog, 'head' | 'readAll'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly growth: Growth;
  owned(): readonly Owned[];
  served(before: Build | undefined, now: Build): Promise<void>;
};

type Under = { readonly it: Owned; readonly build: Build; readonly pace: Pace };

/** Folds what is asked for, at its own pace: all rebuilds of one process share one pass over the log. */
export const rebuilding = (
  options: RebuildingOptions,
): {
  /** Resolves when what is being folded now is folded: what was given up before is left alone from then on. */
  idle(): Promise<void>;
  close(): Promise<void>;
} => {
  const { postgres, log, clock, logger, growth, owned, served } = options;
  const closing = new AbortController();
  const complain = complaints(logger);
  let lookedAt = Number.NEGATIVE_INFINITY;
  let turning: Promise<unknown> = Promise.resolve();

  const under = (): readonly Under[] =>
    owned().flatMap((it) => {
      const rebuild = it.rebuild();
      return rebuild?.build.goes() ? [{ it, ...rebuild }] : [];
    });

  /** Hears of rebuilds that were asked for, in any process. */
  const look = async () => {
    if (clock.monotonic() - lookedAt < lookEveryMs) return;
    lookedAt = clock.monotonic();
    const all = owned();
    if (all.length === 0) return;
    const slots = await readSlots(
      postgres.query,
      all.map(({ projection }) => projection.name),
    );
    for (const it of all) {
      const slot = slots.get(it.projection.name);
      if (slot !== undefined) await it.hear(slot);
    }
  };

  /** Whether a rebuild has come as far as what serves, or as the log where that does not go on. */
  const hasCaughtUp = async ({ it, build }: Under) => {
    const serving = it.serving();
    const to = serving?.goes() ? serving.place().position : await log.head();
    return build.state() === 'running' && build.place().position >= to;
  };

  const finish = async (one: Under) => {
    if (one.build.state() === 'stopped') return one.it.giveUp();
    if (!(await hasCaughtUp(one))) return;
    const before = one.it.serving();
    if (await one.it.swap()) await served(before, one.it.serving()!);
  };

  /** Folds the next records; how many there were. */
  const step = async (all: readonly Under[], max: number): Promise<number> => {
    const after = Math.min(...all.map(({ build }) => build.place().position));
    const records = await log.readAll(after, max);
    const last = records.at(-1)?.position ?? after;
    const behind = all.filter(({ build }) => build.place().position < last);
    await Promise.all(behind.map(({ build }) => build.take(after, records)));
    for (const one of all) await finish(one);
    return records.length;
  };

  /** Returns for how long there is nothing to do. */
  const turn = async (): Promise<number> => {
    await look();
    const all = under();
    if (all.length === 0) return lookEveryMs;
    const pace = fastest(all.map((it) => it.pace));
    const max = typeof pace === 'number' ? Math.ceil(pace / stepsASecondMin) : recordsMax;
    const began = clock.monotonic();
    const records = await step(all, Math.min(max, recordsMax));
    if (records === 0) return under().length === 0 ? 0 : lookEveryMs / 10;
    return restMs(pace, records, clock.monotonic() - began, growth.perSecond());
  };

  const run = async () => {
    while (!closing.signal.aborted) {
      let pauseMs = lookEveryMs;
      try {
        const turned = turn();
        turning = turned.catch(() => {});
        pauseMs = await turned;
        complain(undefined);
      } catch (error) {
        complain(error);
      }
      await sleep(clock, Math.max(1, pauseMs), closing.signal);
    }
  };
  const ran = run();

  return {
    idle: async () => {
      await turning;
    },
    close: async () => {
      closing.abort();
      await ran;
    },
  };
};

const fastest = (paces: readonly Pace[]): Pace => {
  if (paces.includes('full')) return 'full';
  if (paces.includes('default')) return 'default';
  return Math.max(...(paces as number[]));
};
