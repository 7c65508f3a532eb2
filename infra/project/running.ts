import type { FoldingError } from '../ports/read-models.ts';
import type { ProjectionFile } from './file.ts';
import { errorOf, foldRecords, textOf, type Unfolded } from './fold-records.ts';
import type { FileId } from './pointer.ts';
import type { FoldedEvent, Projection } from './projection.ts';
import type { LogSource, Stretch } from './source.ts';

/** A projection with the file that serves it, as the one thread that fills it holds it. */
export type RunningProjection = {
  readonly projection: Projection;
  readonly id: FileId;
  readonly file: ProjectionFile;
  state(): 'running' | 'waiting' | 'stopped';
  error(): FoldingError | null;
  position(): number;
  /** Folds what it has not seen yet of a stretch, in one transaction. Never throws: see `state`. */
  take(stretch: Stretch): void;
  /** Lets one that waits go on. */
  retry(): void;
};

/** Lets a projection's file follow the log. */
export const runProjection = (
  projection: Projection,
  id: FileId,
  file: ProjectionFile,
  source: LogSource,
): RunningProjection => {
  let state: ReturnType<RunningProjection['state']> = 'running';
  let error: FoldingError | null = null;
  const position = () => file.checkpoint().position;

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
    id,
    file,
    state: () => state,
    error: () => error,
    position,
    take: ({ records, place }) => {
      const after = position();
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
