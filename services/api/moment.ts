import { formatPosition, Position, rfc3339 } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { z } from 'zod';
import type { Context } from './deps.ts';
import { notFound, ProblemError } from './problem.ts';
import { valid } from './validate.ts';

/** The query of what can be shown as it was: at most one of the three. */
const momentOf = (stream: string) =>
  z.strictObject({
    revision: z
      .string()
      .regex(/^\d{1,15}$/, { error: 'must be a whole number from 0' })
      .transform(Number)
      .optional()
      .meta({ description: `As of this record of ${stream}: what was known the moment it was written.` }),
    position: Position.optional().meta({ description: 'As of this position of the log.' }),
    time: z.iso
      .datetime({ offset: true, error: 'must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z' })
      .optional()
      .meta({ description: 'As of this time: every record up to it, its own millisecond included.' }),
  });

/** The query of `GET /orders/:id` and of `GET /sagas/:id`. */
export const OrderMoment = momentOf('`order-<id>`');
export const SagaMoment = momentOf('`saga-<id>`');

/** Up to where one looks: the last position and the latest time of what was known, both inclusive. */
export type Moment = { readonly position: number; readonly time: number };

/** Whether a record was known then. */
export const wasKnown = ({ position, time }: RecordedEvent, until: Moment): boolean =>
  position <= until.position && time <= until.time;

/** What a query asks for, checked. Throws `invalid-request` on more than one of the three. */
export const asked = (schema: typeof OrderMoment, query: unknown): z.output<typeof OrderMoment> => {
  const wish = valid(schema, query);
  const given = Object.keys(wish);
  if (given.length <= 1) return wish;
  const errors = given.map((path) => ({ path, message: 'is one of several: say one' }));
  const text = `${given.join(' and ')} each name a moment: say one of them.`;
  throw new ProblemError('invalid-request', text, { errors });
};

/**
 * The moment that is asked for, `revision` being one of the order's stream in that category; `undefined` where it is
 * now. Throws `not-found` where it has not come yet.
 */
export const momentIn = async (
  { log, clock }: Pick<Context, 'log' | 'clock'>,
  category: 'order' | 'saga',
  orderId: OrderId,
  { revision, position, time }: z.output<typeof OrderMoment>,
): Promise<Moment | undefined> => {
  if (revision !== undefined) {
    const stream = orderStream(category, orderId);
    const [record] = await log.readStream(stream, { from: revision, max: 1 });
    if (record === undefined) throw notFound(`Revision ${revision} of ${stream}`);
    return record;
  }
  if (position === undefined && time === undefined) return undefined;

  const head = await log.head();
  if (position !== undefined) {
    const at = Number(position);
    if (at > head) throw notFound(`Position ${position} (the log ends at ${formatPosition(head)})`);
    const [record] = at === 0 ? [] : await log.readAll(at - 1, 1);
    return { position: at, time: record?.time ?? 0 };
  }
  const then = Date.parse(time!);
  const [last] = head === 0 ? [] : await log.readAll(head - 1, 1);
  if (then > Math.max(clock.now(), last?.time ?? 0))
    throw new ProblemError('not-found', `${time} is still to come.`);
  return { position: head, time: then };
};

/** The refusal of what was not there yet. */
export const notYet = (what: string, { position, time }: RecordedEvent): ProblemError =>
  new ProblemError(
    'not-found',
    `${what} was not there yet: it begins at ${rfc3339(time)}, position ${formatPosition(position)}.`,
  );
