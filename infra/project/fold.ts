import type { Pace, ProjectionStatus, RebuildStatus } from '../ports/read-models.ts';
import type { Place } from './file.ts';
import type { Projection } from './projection.ts';
import { rebuildsOf } from './rebuilds.ts';
import { bytesFree } from './room.ts';
import type { RunningProjection } from './running.ts';
import { openSlot } from './slot.ts';
import type { LogSource } from './source.ts';

/** The most records in one batch: one transaction for each projection. */
export const batchRecordsMax = 2_000;

/** A projection further behind the first of them than this is not waited for, and folded apart. */
const behindMax = 10 * batchRecordsMax;

/** How a projection stands, without what only who has a clock can say of its rebuild. */
export type FoldedStatus = Omit<ProjectionStatus, 'rebuild'> & {
  readonly rebuild: Omit<RebuildStatus, 'head' | 'eventsPerSecond' | 'secondsLeft'> | null;
};

/** All projections over one log, folded together: each record is read and parsed once. */
export type Folding = {
  /**
   * Folds the next batch of what serves; returns over how many positions of the log, 0 where there is nothing that
   * could be folded now. Throws where the log cannot be read.
   */
  step(): number;
  /**
   * Folds the next batch of what is being rebuilt, at most so many records, and lets what has caught up serve. Returns
   * over how many positions of the log; `undefined` where nothing can be done now. Throws where the log cannot be read.
   */
  rebuildStep(recordsMax: number): number | undefined;
  /**
   * Asks for rebuilds of these projections; they go on after a crash. Throws a `RebuildRefusedError`, and changes
   * nothing, where one runs already, is not known, or the disk has no room.
   */
  rebuild(names: readonly string[] | 'all', pace: Pace): void;
  /** How fast the rebuilds now go: the fastest of what was asked for; `undefined` where there is none. */
  pace(): Pace | undefined;
  /** Folds until `name` has reached the log's head as it is now; returns where it is. Throws where it cannot. */
  catchUp(name: string): Place;
  /** Lets projections that wait (their files could not be written) try again. */
  retry(): void;
  /** Commits what rebuilds have folded, from where they go on after a crash. */
  save(): void;
  /** Those that follow the log; not those that show what another version has folded. */
  running(): readonly RunningProjection[];
  status(): readonly FoldedStatus[];
  /** The log's head. Throws where it cannot be read. */
  head(): number;
  close(): void;
};

/**
 * Opens every projection's file in `folder`. Throws where that cannot be written. `freeBytes`: what the disk of a
 * folder has free; default: what the system says.
 */
export const openFolding = (
  folder: string,
  projections: readonly Projection[],
  source: LogSource,
  freeBytes: (folder: string) => number = bytesFree,
): Folding => {
  const slots = projections.map((projection) => openSlot(folder, projection, source));
  const rebuilds = rebuildsOf(folder, slots, source, freeBytes);
  const wanted = new Set(projections.flatMap(({ fold }) => Object.keys(fold)));
  const running = () => slots.flatMap((slot) => slot.running() ?? []);

  /** Folds the next batch of some, all of which have folded at least as much as the one furthest behind. */
  const foldNext = (some: readonly RunningProjection[]): number => {
    if (some.length === 0) return 0;
    const after = Math.min(...some.map((it) => it.position()));
    const stretch = source.read(after, batchRecordsMax, wanted);
    if (stretch === undefined) return 0;
    for (const it of some) it.take(stretch);
    return stretch.place.position - after;
  };

  const step = (): number => {
    const going = running().filter((it) => it.state() === 'running');
    const first = Math.max(0, ...going.map((it) => it.position()));
    const behind = going.filter((it) => first - it.position() > behindMax);
    const near = going.filter((it) => !behind.includes(it));
    return Math.max(foldNext(near), foldNext(behind));
  };

  const retry = () => {
    for (const slot of slots) {
      slot.running()?.retry();
      slot.rebuild()?.retry();
    }
  };

  return {
    step,
    rebuildStep: rebuilds.step,
    rebuild: rebuilds.ask,
    pace: rebuilds.pace,
    running,
    retry,
    save: () => {
      for (const slot of slots) slot.rebuild()?.save();
    },
    head: source.head,
    catchUp: (name) => {
      const slot = slots.find((it) => it.projection.name === name);
      if (slot === undefined) throw new Error(`there is no projection ${name}`);
      const one = slot.running();
      if (one === undefined) throw new Error(`projection ${name} is being rebuilt for a new version`);
      const head = source.head();
      retry();
      while (one.position() < head && one.state() === 'running')
        if (foldNext(running().filter((it) => it.position() >= one.position())) === 0) break;
      const [state, error] = [one.state(), one.error()];
      if (state !== 'running') throw new Error(`projection ${name} is ${state}: ${error?.message}`);
      return one.file.checkpoint();
    },
    status: () =>
      slots.map((slot) => {
        const rebuild = slot.rebuild();
        if (rebuild === undefined) return { ...slot.status(), rebuild: null };
        const { id, pace } = rebuild;
        const [position, state, error] = [rebuild.position(), rebuild.state(), rebuild.error()];
        return { ...slot.status(), rebuild: { ...id, position, pace, state, error } };
      }),
    close: () => {
      for (const slot of slots) slot.close();
      source.close();
    },
  };
};
