import { join } from 'node:path';
import { formatPosition } from '@recourse/contracts/http';
import type { ProjectionRows } from '@recourse/contracts/http-rows';
import { NoSpaceError } from '@recourse/infra/errors';
import type { Clock } from '@recourse/infra/ports/clock';
import { fileName, readPointer } from '@recourse/infra/project/pointer';
import type { Projection } from '@recourse/infra/project/projection';
import { bytesFree, bytesNeeded, bytesOf } from '@recourse/infra/project/room';
import { notFound, ProblemError } from '../problem.ts';
import { projections } from '../projections/all.ts';
import { type Asked, type AsOf, askedOf } from './asked.ts';
import { startFold } from './fold-run.ts';
import { type FoldLimits, openFolds, usualFoldLimits, type Waiting } from './folds.ts';
import type { Source } from './protocol.ts';
import { openReader } from './reader.ts';
import { shownRows } from './shown.ts';

/** A query that has been checked: of which moment it is, and how to answer it. */
export type Prepared = {
  /** The position that the rows are as of; null where they are as they are now. */
  readonly position: number | null;
  /** Reads the rows, folding the past where that is asked for. Rejects as `Folds.use` and the reads do. */
  rows(waiting: Waiting): Promise<ProjectionRows>;
};

/** The rows of any read model, as they are or as they were. */
export type Queries = {
  /**
   * Checks what is asked for. Rejects with a `ProblemError`: `not-found` for an unknown projection and for a moment
   * that has not come, `invalid-request` for the rest.
   */
  prepare(projection: string, query: unknown): Promise<Prepared>;
  /** Ends what is under way, and removes all temporary files. */
  close(): Promise<void>;
};

/** How queries are opened. */
export type QueriesOptions = {
  /** Holds `read-models/`; `as-of/` in it is made, used and removed. */
  readonly dataDir: string;
  readonly logPath: string;
  readonly clock: Clock;
  readonly limits?: FoldLimits;
  /** What the disk of a folder has free; default: what the system says. */
  readonly freeBytes?: (folder: string) => number;
};

/** Makes ready to answer queries; threads are started when they are first needed. */
export const openQueries = (options: QueriesOptions): Queries => {
  const { dataDir, logPath, clock, limits, freeBytes = bytesFree } = options;
  const reader = openReader({ logPath });
  const served = join(dataDir, 'read-models');
  const folder = join(dataDir, 'as-of');
  const folds = openFolds({
    folder,
    logPath,
    clock,
    limits: limits ?? usualFoldLimits,
    start: (setup, onProgress) => {
      const refusal = noRoom(setup.projection);
      if (refusal === undefined) return startFold(setup, onProgress);
      return { path: Promise.reject(refusal), stop: async () => {} };
    },
  });

  /** What is folded takes as much room as what serves, at most; the event log must not run out of it. */
  const noRoom = (projection: string): NoSpaceError | undefined => {
    const pointer = readPointer(served, projection);
    const needed = bytesNeeded(
      pointer === undefined ? 0 : bytesOf(join(served, fileName(projection, pointer))),
    );
    const free = freeBytes(dataDir);
    if (free >= needed) return undefined;
    return new NoSpaceError(
      `Folding the past of ${projection} takes up to ${needed} bytes in ${dataDir}, and ${free} are free: make room.`,
    );
  };

  /** The position of a moment. Throws where it has not come yet. */
  const positionOf = async (projection: string, asOf: AsOf): Promise<number> => {
    const { position, head, headTime } = await reader.ask(projection, { kind: 'moment', asOf });
    if (position > head)
      throw notFound(`Position ${formatPosition(position)} (the log ends at ${formatPosition(head)})`);
    if ('time' in asOf && asOf.time > Math.max(clock.now(), headTime ?? 0))
      throw new ProblemError('not-found', `${asOf.text} is still to come.`);
    return position;
  };

  const read = async (projection: Projection, { wish }: Asked, source: Source, at: number | null) => {
    const found = await reader.ask(projection.name, { kind: 'page', source, wish });
    return shownRows(projection.name, wish, found, at);
  };

  return {
    prepare: async (name, query) => {
      const projection = projections.find((it) => it.name === name);
      if (projection === undefined) throw notFound(`The projection ${name}`);
      const asked = askedOf(projection, query);
      if (asked.asOf === undefined) {
        const source = { projection: name, folder: served };
        return { position: null, rows: () => read(projection, asked, source, null) };
      }
      const position = await positionOf(name, asked.asOf);
      return {
        position,
        rows: (waiting) =>
          folds.use({ projection: name, position }, waiting, (path) =>
            read(projection, asked, { projection: name, path }, position),
          ),
      };
    },
    close: async () => {
      await folds.close();
      await reader.close();
    },
  };
};
