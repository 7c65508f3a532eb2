import { openProjectionFile, type Place, type ProjectionFile, swapPointer } from './file.ts';
import { errorOf, foldRecords, textOf, type Unfolded } from './fold-records.ts';
import type { FoldedEvent, Projection, ProjectionStatus } from './projection.ts';
import type { LogSource, Stretch } from './source.ts';

/** The most records in one batch: one transaction for each projection. */
export const batchRecordsMax = 2_000;

/** A projection with its file, as the one thread that fills it holds it. */
export type RunningProjection = {
  readonly projection: Projection;
  readonly file: ProjectionFile;
  status(): ProjectionStatus;
  /** Folds what it has not seen yet of a stretch, in one transaction. Never throws: see `status`. */
  take(stretch: Stretch): void;
  /** Lets one that waits go on. */
  retry(): void;
};

/** Opens the file of a projection and lets its reads be served from it. Throws where the folder cannot be written. */
export const runProjection = (
  folder: string,
  projection: Projection,
  source: LogSource,
): RunningProjection => {
  const { name, version } = projection;
  const file = openProjectionFile(folder, projection, ({ position, id }) => source.idAt(position) === id);
  swapPointer(folder, projection);
  let state: ProjectionStatus['state'] = 'running';
  let error: ProjectionStatus['error'] = null;

  /** Keeps what came before the record that cannot be folded, and stops there. */
  const stop = (records: readonly FoldedEvent[], after: number, failed: Unfolded) => {
    file.forget();
    foldRecords(projection, file.tables, records, after, failed.record.position);
    const before = failed.record.position - 1;
    if (before > after) file.commit({ position: before, id: source.idAt(before) ?? '' });
    state = 'stopped';
    error = errorOf(failed);
  };

  return {
    projection,
    file,
    status: () => ({ name, version, position: file.checkpoint().position, state, error }),
    take: ({ records, place }) => {
      const after = file.checkpoint().position;
      if (state === 'stopped' || place.position <= after) return;
      try {
        const failed = foldRecords(projection, file.tables, records, after);
        if (failed !== undefined) return stop(records, after, failed);
        file.commit(place);
        error = null;
      } catch (thrown) {
        state = 'waiting';
        error = { message: textOf(thrown) };
      }
    },
    retry: () => {
      if (state === 'waiting') state = 'running';
    },
  };
};

/** All projections over one log, folded together: each record is read and parsed once. */
export type Folding = {
  /**
   * Folds the next batch; returns over how many positions of the log, 0 where there is nothing that could be folded
   * now. Throws where the log cannot be read.
   */
  step(): number;
  /** Folds until `name` has reached the log's head as it is now; returns where it is. Throws where it cannot. */
  catchUp(name: string): Place;
  /** Lets projections that wait (their files could not be written) try again. */
  retry(): void;
  readonly running: readonly RunningProjection[];
  close(): void;
};

/** Opens every projection's file in `folder`. Throws where that cannot be written. */
export const openFolding = (
  folder: string,
  projections: readonly Projection[],
  source: LogSource,
): Folding => {
  const running = projections.map((projection) => runProjection(folder, projection, source));
  const wanted = new Set(projections.flatMap(({ fold }) => Object.keys(fold)));
  const positionOf = (it: RunningProjection) => it.file.checkpoint().position;

  const step = (): number => {
    const going = running.filter((it) => it.status().state === 'running');
    if (going.length === 0) return 0;
    const after = Math.min(...going.map(positionOf));
    const stretch = source.read(after, batchRecordsMax, wanted);
    if (stretch === undefined) return 0;
    for (const it of going) it.take(stretch);
    return stretch.place.position - after;
  };

  const retry = () => {
    for (const it of running) it.retry();
  };

  return {
    step,
    running,
    retry,
    catchUp: (name) => {
      const one = running.find((it) => it.projection.name === name);
      if (one === undefined) throw new Error(`there is no projection ${name}`);
      const head = source.head();
      retry();
      while (positionOf(one) < head && one.status().state === 'running') if (step() === 0) break;
      const { state, error } = one.status();
      if (state !== 'running') throw new Error(`projection ${name} is ${state}: ${error?.message}`);
      return one.file.checkpoint();
    },
    close: () => {
      for (const { file } of running) file.close();
      source.close();
    },
  };
};
