import { openSqliteLogReader } from '@recourse/infra/log/reader';
import { errorOf, foldRecords } from '@recourse/infra/project/fold-records';
import type { Projection } from '@recourse/infra/project/projection';
import { FoldError, replayInto } from '@recourse/infra/project/replay';

/** The log folded anew, and on as far as is asked. */
export type Refold = {
  /** What was folded. */
  readonly projections: readonly Projection[];
  /** The file with a projection's rows, and the position that they show. */
  path(name: string): string;
  position(name: string): number;
  /** The log's head, now. */
  head(): number;
  /** Folds a projection on to a position. Throws a `FoldError` where its fold does. */
  to(name: string, position: number): void;
  close(): void;
};

/** The most records that are read and folded at a time. */
const batchRecordsMax = 10_000;

/**
 * Folds the log up to a position into fresh files in `folder`. Throws a `FoldError` where a fold threw, and what SQLite
 * throws where log or folder fail.
 */
export const refoldInto = (
  folder: string,
  projections: readonly Projection[],
  logPath: string,
  upTo: number,
  onProgress: (position: number) => void,
): Refold => {
  const source = openSqliteLogReader(logPath);
  try {
    const { files, close } = replayInto(folder, projections, source, upTo, onProgress);
    const fileOf = (name: string) => files[name]!;
    const positionOf = (name: string) => fileOf(name).checkpoint().position;
    const foldOn = (projection: Projection, position: number) => {
      const { name, fold } = projection;
      const wanted = new Set(Object.keys(fold));
      for (let after = positionOf(name); after < position; after = positionOf(name)) {
        const stretch = source.read(after, Math.min(batchRecordsMax, position - after), wanted);
        if (stretch === undefined) return;
        const failed = foldRecords(projection, fileOf(name).tables, stretch.records, after);
        if (failed !== undefined) throw new FoldError(name, errorOf(failed), failed.thrown);
        fileOf(name).commit(stretch.place);
      }
    };
    return {
      projections,
      path: (name) => fileOf(name).path,
      position: positionOf,
      head: source.head,
      to: (name, position) => foldOn(projections.find((it) => it.name === name)!, position),
      close: () => {
        close();
        source.close();
      },
    };
  } catch (error) {
    source.close();
    throw error;
  }
};
