import { z } from 'zod';
import { OrderId } from './ids.ts';

/**
 * The export of an order: JSON lines. The first says what it is, then comes one line for each record in the order of
 * the log, in which no effect stands before its cause; the last proves that nothing was cut off or changed. Personal
 * data is replaced by stand-ins (see `contracts/personal.ts`).
 */

/** The media type of JSON lines. */
export const exportContentType = 'application/x-ndjson';

/** Counts the changes of the format. */
export const exportVersion = 1;

/** The first line. */
export const ExportHeader = z
  .strictObject({
    format: z.literal('recourse-export'),
    version: z.literal(exportVersion),
    orderId: OrderId,
    /** Lines between the first and the last. */
    records: z.int().min(1),
    /** The machine that the saga was pinned to; null before its first step. */
    machine: z.strictObject({ name: z.string(), version: z.int().min(1) }).nullable(),
  })
  .meta({ id: 'ExportHeader' });
export type ExportHeader = z.infer<typeof ExportHeader>;

/** A record: its data as the present version of its type has it, with stand-ins. */
export const ExportRecord = z
  .strictObject({
    /** Its place in the log that it comes from: opaque, and it sorts. */
    position: z.string(),
    stream: z.string(),
    revision: z.int().min(0),
    id: z.string(),
    type: z.string(),
    version: z.int().min(1),
    /** RFC 3339. */
    time: z.iso.datetime(),
    correlation: z.string(),
    causation: z.string(),
    data: z.record(z.string(), z.unknown()),
    /** A record of a stream that others write, too, and that is not here as a whole: the stock of a SKU. */
    forReading: z.literal(true).optional(),
  })
  .meta({ id: 'ExportRecord' });
export type ExportRecord = z.infer<typeof ExportRecord>;

/** The last line. */
export const ExportTrailer = z
  .strictObject({
    records: z.int().min(1),
    /** Of all bytes before this line, in hexadecimal digits. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
  })
  .meta({ id: 'ExportTrailer' });
export type ExportTrailer = z.infer<typeof ExportTrailer>;
