import { z } from 'zod';
import { Position } from './http.ts';

/** What `/projections` takes and gives. */

/** How fast a rebuild goes: as fast as it can, so that orders hardly notice, or so many events a second. */
export const Pace = z
  .union([z.enum(['full', 'default']), z.int().min(1).max(10_000_000)])
  .meta({ id: 'Pace' });
export type Pace = z.infer<typeof Pace>;

/** The body of `POST /projections/:name/rebuild` and `POST /projections/rebuild`; the pace is `default` where none is said. */
export const RebuildRequest = z.strictObject({ pace: Pace.optional() }).meta({ id: 'RebuildRequest' });

/** Why a fold does not go on; where it threw, the record's position, stream and type. */
const FoldingError = z.strictObject({
  message: z.string(),
  position: Position.optional(),
  stream: z.string().optional(),
  type: z.string().optional(),
});

/** The fold that is to take a projection's place. */
const ProjectionRebuild = z.strictObject({
  version: z.int(),
  /** Counts the folds of that version, from 0: the projection shows it once it has taken its place. */
  build: z.int(),
  /** The last record that it has folded, the log's head, and how many records lie between. */
  position: Position,
  head: Position,
  behind: z.int(),
  /** Over the last seconds; null before there is anything to say. */
  eventsPerSecond: z.int().nullable(),
  /** Null where it is not known, or where the log grows faster. */
  secondsLeft: z.int().nullable(),
  pace: Pace,
  /** `waiting`: it cannot write, and tries again; `stopped`: its fold threw, and it was given up. */
  state: z.enum(['running', 'waiting', 'stopped']),
  error: FoldingError.nullable(),
});

/** A projection: which fold of the log serves its reads, and which one is to take its place. */
export const ProjectionStatus = z
  .strictObject({
    name: z.string(),
    /** The version and the fold of it whose rows are served. */
    version: z.int(),
    build: z.int(),
    /** The last record that its rows show, and how many records of the log come after it. */
    position: Position,
    behind: z.int(),
    /** `outdated`: it shows what another version has folded, until its rebuild has caught up. */
    state: z.enum(['running', 'waiting', 'stopped', 'outdated']),
    error: FoldingError.nullable(),
    rebuild: ProjectionRebuild.nullable(),
  })
  .meta({ id: 'Projection' });
export type ProjectionStatus = z.infer<typeof ProjectionStatus>;

/** `GET /projections`. */
export const ProjectionList = z
  .strictObject({ head: Position, items: z.array(ProjectionStatus) })
  .meta({ id: 'ProjectionList' });
export type ProjectionList = z.infer<typeof ProjectionList>;
