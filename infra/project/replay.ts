import type { FoldingError } from '../ports/read-models.ts';
import { openProjectionFile, type Place, type ProjectionFile } from './file.ts';
import { errorOf, foldRecords } from './fold-records.ts';
import type { Projection } from './projection.ts';
import type { LogSource } from './source.ts';

/** The most records that are read at a time, and those in one transaction. */
const stretchRecordsMax = 1_000;
const commitRecordsMax = 10_000;

/** What a replay has made: a file for each projection, by name. */
export type Replayed = {
  readonly files: Readonly<Record<string, ProjectionFile>>;
  /** Closes the files; who made their folder removes it. */
  close(): void;
};

/** A fold threw: at which record. The projection cannot be replayed past it. */
export class FoldError extends Error {
  override readonly name = 'FoldError';
  readonly code = 'fold-threw';
  readonly projection: string;
  readonly at: FoldingError;
  constructor(projection: string, at: FoldingError, cause: unknown) {
    super(
      `projection ${projection} cannot fold the ${at.type} at position ${at.position} (${at.stream}): ${at.message}`,
      { cause },
    );
    this.projection = projection;
    this.at = at;
  }
}

const openScratchFile = (folder: string, projection: Projection) =>
  openProjectionFile({
    folder,
    projection,
    id: { version: projection.version, build: 0 },
    purpose: 'scratch',
    isPlace: () => false,
  });

/**
 * Folds the records 1 to `upTo` of a log into fresh files in `folder`, where nothing else may be: how the read models
 * stood at that position. Each record is read and parsed once, for all projections. Runs to its end before it returns,
 * which takes some seconds for each million of records: call it in a thread of its own. `onProgress` hears the
 * position reached. Throws a `FoldError` where a fold threw, and where log or folder fail; files are closed then.
 */
export const replayInto = (
  folder: string,
  projections: readonly Projection[],
  source: LogSource,
  upTo: number,
  onProgress?: (position: number) => void,
): Replayed => {
  const files: Record<string, ProjectionFile> = {};
  const close = () => {
    for (const file of Object.values(files)) file.close();
  };
  try {
    for (const it of projections) files[it.name] = openScratchFile(folder, it);
    const wanted = new Set(projections.flatMap(({ fold }) => Object.keys(fold)));
    let place: Place = { position: 0, id: '' };
    let committed = 0;
    const commit = () => {
      for (const file of Object.values(files)) file.commit(place);
      committed = place.position;
      onProgress?.(committed);
    };
    while (place.position < upTo) {
      const after = place.position;
      const stretch = source.read(after, Math.min(stretchRecordsMax, upTo - after), wanted);
      if (stretch === undefined) break;
      for (const it of projections) {
        const failed = foldRecords(it, files[it.name]!.tables, stretch.records, after);
        if (failed !== undefined) throw new FoldError(it.name, errorOf(failed), failed.thrown);
      }
      place = stretch.place;
      if (place.position - committed >= commitRecordsMax) commit();
    }
    if (place.position > committed) commit();
    return { files, close };
  } catch (error) {
    close();
    throw error;
  }
};
