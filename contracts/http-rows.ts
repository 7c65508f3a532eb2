import { z } from 'zod';
import { Position } from './http.ts';

/** What `GET /projections/:name/rows` takes and gives. */

/** The most rows of one answer. */
export const rowsMax = 500;

/** The query; every other parameter is a column with the value that it must have. */
export const RowsQuery = z
  .object({
    asOf: z
      .string()
      .max(64)
      .optional()
      .meta({
        description:
          'The rows as they were: at a position of the log, or at a time (RFC 3339, or a date, which is its first ' +
          'moment in UTC). Without it, as they are.',
      }),
    table: z.string().max(64).optional().meta({ description: 'One of its tables; the first without it.' }),
    limit: z.coerce.number().int().min(1).max(rowsMax).default(50),
    cursor: z.string().max(2_000).optional(),
  })
  .catchall(z.union([z.string(), z.array(z.string())]));

/** What a column holds: `time` is RFC 3339 in UTC, `json` any value; amounts are integers in minor units. */
export const ColumnType = z.enum(['text', 'integer', 'time', 'json']);
export type ColumnType = z.infer<typeof ColumnType>;

/** Rows of a read model. */
export const ProjectionRows = z
  .strictObject({
    projection: z.string(),
    /** Of the projection that has folded them. */
    version: z.int(),
    table: z.string(),
    /** The last record that they show, and its time; position 0 and no time where nothing was known yet. */
    asOf: z.strictObject({ position: Position, time: z.iso.datetime().nullable() }),
    columns: z.array(z.strictObject({ name: z.string(), type: ColumnType })),
    rows: z.array(z.record(z.string(), z.unknown())),
    /** Ask for the next page with `?cursor=`; null on the last. */
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'ProjectionRows' });
export type ProjectionRows = z.infer<typeof ProjectionRows>;

/** How far a fold of the past has come, while one waits for it: an event `progress` of the stream. */
export const RowsProgress = z.strictObject({ position: Position, of: Position });
export type RowsProgress = z.infer<typeof RowsProgress>;
