import { DeadLetter, DeadLetterList, DiscardRequest, rfc3339 } from '@recourse/contracts/http';
import { Redriven, RedriveRequest } from '@recourse/contracts/http-dead-letters';
import type { ParkedMessage } from '@recourse/infra/ports/broker';
import { z } from 'zod';
import { readJson } from '../body.ts';
import type { Context } from '../deps.ts';
import { idPage } from '../id-page.ts';
import { anonymous } from '../idempotency.ts';
import { notFound } from '../problem.ts';
import { type Route, sendJson } from '../route.ts';
import { valid, validId } from '../validate.ts';

const DeadLetterId = z.string().min(1).max(300);
const params = z.object({ id: DeadLetterId });

/** How many are read at once where all are redriven. */
const pageMax = 200;

const ListQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().min(1).max(300).optional(),
});

/** Messages that a group could not handle: shown, redriven, discarded. */
export const deadLetterRoutes = ({ deadLetters, limits, logger }: Context): readonly Route[] => {
  /** The dead letter as it was before it is acted on. Throws `not-found`. */
  const found = async (id: unknown): Promise<ParkedMessage> => {
    const parked = await deadLetters.get(validId(DeadLetterId, 'id', id));
    if (parked === undefined || parked.state !== 'dead') throw notFound('The dead letter');
    return parked;
  };

  const redriven = async (ids: Iterable<string>): Promise<Redriven> => {
    const answer = { redriven: 0, unknown: [] as string[] };
    for (const id of ids) {
      if (await deadLetters.redrive(id)) answer.redriven += 1;
      else answer.unknown.push(id);
    }
    return answer;
  };

  /** Each that is dead now, once: one that fails again at once stands before the cursor. */
  const allRedriven = async (): Promise<Redriven> => {
    let count = 0;
    let after: string | undefined;
    for (;;) {
      const page = await deadLetters.list({ max: pageMax, ...(after !== undefined && { after }) });
      count += (await redriven(page.map(({ id }) => id))).redriven;
      after = page.at(-1)?.id;
      if (page.length < pageMax) return { redriven: count, unknown: [] };
    }
  };

  return [
    {
      ...documented.list,
      serve: async (req, res) => {
        const { page, nextCursor } = await idPage(valid(ListQuery, req.query), deadLetters.list);
        const body: DeadLetterList = { items: page.map(shown), nextCursor };
        sendJson(res, 200, body);
      },
    },
    // Before the routes of one: `redrive` is no id.
    {
      ...documented.redriveMany,
      serve: async (req, res) => {
        const request = valid(RedriveRequest, await readJson(req, limits.bodyBytesMax));
        const body = 'ids' in request ? await redriven(new Set(request.ids)) : await allRedriven();
        logger.info({ redriven: body.redriven, unknown: body.unknown.length }, 'dead letters redriven');
        sendJson(res, 202, body);
      },
    },
    {
      ...documented.show,
      serve: async (req, res) => sendJson(res, 200, shown(await found(req.params.id))),
    },
    {
      ...documented.redrive,
      serve: async (req, res) => {
        const parked = await found(req.params.id);
        if (!(await deadLetters.redrive(parked.id))) throw notFound('The dead letter');
        logger.info({ orderId: parked.key, group: parked.group, type: parked.type }, 'dead letter redriven');
        sendJson(res, 202, shown(parked));
      },
    },
    {
      ...documented.discard,
      serve: async (req, res) => {
        const { note } = valid(DiscardRequest, await readJson(req, limits.bodyBytesMax));
        const parked = await found(req.params.id);
        if (!(await deadLetters.discard(parked.id, note, anonymous))) throw notFound('The dead letter');
        logger.info({ orderId: parked.key, group: parked.group, type: parked.type }, 'dead letter discarded');
        sendJson(res, 200, shown(parked));
      },
    },
  ];
};

const shown = (parked: ParkedMessage): DeadLetter => ({
  id: parked.id,
  group: parked.group,
  topic: parked.topic,
  orderId: parked.key,
  type: parked.type,
  messageId: parked.messageId,
  attempts: parked.attempts,
  error: parked.error ?? '',
  parkedAt: rfc3339(parked.parkedAt),
  message: parked.message,
});

const documented = {
  list: {
    method: 'get',
    path: '/dead-letters',
    operationId: 'listDeadLetters',
    tag: 'Operations',
    summary: 'Lists dead letters, in the order of the log',
    query: ListQuery,
    responses: { 200: { description: 'A page.', schema: DeadLetterList } },
    problems: ['invalid-request', 'unavailable'],
  },
  show: {
    method: 'get',
    path: '/dead-letters/:id',
    operationId: 'getDeadLetter',
    tag: 'Operations',
    summary: 'Shows a dead letter',
    params,
    responses: { 200: { description: 'The dead letter, with its message.', schema: DeadLetter } },
    problems: ['invalid-id', 'not-found', 'unavailable'],
  },
  redriveMany: {
    method: 'post',
    path: '/dead-letters/redrive',
    operationId: 'redriveDeadLetters',
    tag: 'Operations',
    summary: 'Hands many dead letters, or all, to their groups again',
    description:
      'Those that are no dead letters any more are named in the answer, and nothing else happens to them.',
    body: { schema: RedriveRequest, required: true },
    responses: { 202: { description: 'So many are tried again.', schema: Redriven } },
    problems: [
      'malformed-json',
      'invalid-request',
      'body-too-large',
      'unsupported-media-type',
      'unavailable',
      'read-only',
      'stopping',
    ],
  },
  redrive: {
    method: 'post',
    path: '/dead-letters/:id/redrive',
    operationId: 'redriveDeadLetter',
    tag: 'Operations',
    summary: 'Hands a dead letter to its group again',
    description: 'What waits behind it follows in order.',
    params,
    responses: { 202: { description: 'It is tried again: the dead letter as it was.', schema: DeadLetter } },
    problems: ['invalid-id', 'not-found', 'unavailable', 'read-only', 'stopping'],
  },
  discard: {
    method: 'post',
    path: '/dead-letters/:id/discard',
    operationId: 'discardDeadLetter',
    tag: 'Operations',
    summary: 'Drops a dead letter, on record',
    description: 'What waits behind it follows in order.',
    params,
    body: { schema: DiscardRequest, required: true },
    responses: { 200: { description: 'It is dropped: the dead letter as it was.', schema: DeadLetter } },
    problems: [
      'malformed-json',
      'invalid-request',
      'invalid-id',
      'not-found',
      'body-too-large',
      'unsupported-media-type',
      'unavailable',
      'read-only',
      'stopping',
    ],
  },
} satisfies Record<string, Omit<Route, 'serve'>>;
