import { z } from 'zod';
import { Note } from './ids.ts';

/** What `/dead-letters` and `/poison` say besides the dead letter itself. */

const Time = z.iso.datetime();

/** The most ids that one request names. */
export const redriveIdsMax = 500;

/** The body of `POST /dead-letters/redrive`: some by their ids, or all there are now. */
export const RedriveRequest = z
  .union([
    z.strictObject({ ids: z.array(z.string().min(1).max(300)).min(1).max(redriveIdsMax) }),
    z.strictObject({ all: z.literal(true) }),
  ])
  .meta({ id: 'RedriveRequest' });

/** What it answers: how many are tried again, and which ids are no dead letters (any more). */
export const Redriven = z
  .strictObject({ redriven: z.int(), unknown: z.array(z.string()) })
  .meta({ id: 'Redriven' });
export type Redriven = z.infer<typeof Redriven>;

/** A message that nobody can read: whose it is cannot be told, so no order waits for it. */
export const PoisonMessage = z
  .strictObject({
    id: z.string(),
    topic: z.string(),
    partition: z.int(),
    offset: z.int(),
    /** The group that met it first. */
    group: z.string(),
    reason: z.string(),
    /** When the broker took it, and when it was met. */
    time: Time,
    foundAt: Time,
    /** As text, where its bytes are text; base64 says them exactly. */
    headers: z.record(z.string(), z.string()),
    key: z.string().nullable(),
    value: z.string().nullable(),
    keyBase64: z.string().nullable(),
    valueBase64: z.string().nullable(),
  })
  .meta({ id: 'PoisonMessage' });
export type PoisonMessage = z.infer<typeof PoisonMessage>;

/** `GET /poison`. */
export const PoisonList = z
  .strictObject({ items: z.array(PoisonMessage), nextCursor: z.string().nullable() })
  .meta({ id: 'PoisonList' });
export type PoisonList = z.infer<typeof PoisonList>;

/** The body of `POST /poison/:id/discard`. */
export const DiscardPoisonRequest = z
  .strictObject({ note: Note.min(1) })
  .meta({ id: 'DiscardPoisonRequest' });
