import { rfc3339 } from '@recourse/contracts/http';
import { DiscardPoisonRequest, PoisonList, PoisonMessage } from '@recourse/contracts/http-dead-letters';
import type { PoisonMessage as Poison } from '@recourse/infra/ports/poison';
import { z } from 'zod';
import { readJson } from '../body.ts';
import type { Context } from '../deps.ts';
import { idPage } from '../id-page.ts';
import { anonymous } from '../idempotency.ts';
import { notFound } from '../problem.ts';
import { type Route, sendJson } from '../route.ts';
import { valid, validId } from '../validate.ts';

const PoisonId = z.string().min(1).max(100);
const params = z.object({ id: PoisonId });

const ListQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().min(1).max(100).optional(),
});

/** Messages that nobody can read: shown, redriven, discarded. Where messages are not copied there are none. */
export const poisonRoutes = ({ poison, limits, logger }: Context): readonly Route[] => {
  const found = async (id: unknown): Promise<Poison> => {
    const message = await poison?.get(validId(PoisonId, 'id', id));
    if (message === undefined) throw notFound('The poison message');
    return message;
  };

  return [
    {
      ...documented.list,
      serve: async (req, res) => {
        const { page, nextCursor } = await idPage(
          valid(ListQuery, req.query),
          async (wanted) => (await poison?.list(wanted)) ?? [],
        );
        const body: PoisonList = { items: page.map(shown), nextCursor };
        sendJson(res, 200, body);
      },
    },
    {
      ...documented.show,
      serve: async (req, res) => sendJson(res, 200, shown(await found(req.params.id))),
    },
    {
      ...documented.redrive,
      serve: async (req, res) => {
        const message = await found(req.params.id);
        if (!(await poison?.redrive(message.id))) throw notFound('The poison message');
        const { topic, partition, offset } = message;
        logger.info({ topic, partition, offset }, 'poison published to its topic again');
        sendJson(res, 202, shown(message));
      },
    },
    {
      ...documented.discard,
      serve: async (req, res) => {
        const { note } = valid(DiscardPoisonRequest, await readJson(req, limits.bodyBytesMax));
        const message = await found(req.params.id);
        if (!(await poison?.discard(message.id, note, anonymous))) throw notFound('The poison message');
        const { topic, partition, offset } = message;
        logger.info({ topic, partition, offset }, 'poison discarded');
        sendJson(res, 200, shown(message));
      },
    },
  ];
};

const textOf = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString());
const base64Of = (bytes: Uint8Array | null) =>
  bytes === null ? null : Buffer.from(bytes).toString('base64');

const shown = ({ time, foundAt, key, value, headers, ...message }: Poison): PoisonMessage => ({
  ...message,
  time: rfc3339(time),
  foundAt: rfc3339(foundAt),
  headers: Object.fromEntries(headers.map(([name, it]) => [name, textOf(it) ?? ''])),
  key: textOf(key),
  value: textOf(value),
  keyBase64: base64Of(key),
  valueBase64: base64Of(value),
});

const documented = {
  list: {
    method: 'get',
    path: '/poison',
    operationId: 'listPoison',
    tag: 'Operations',
    summary: 'Lists messages that nobody can read',
    description:
      'Each also stands whole on its topic with `.dlq` at the end. The embedded composition has none.',
    query: ListQuery,
    responses: { 200: { description: 'A page, in the order in which they were met.', schema: PoisonList } },
    problems: ['invalid-request', 'unavailable'],
  },
  show: {
    method: 'get',
    path: '/poison/:id',
    operationId: 'getPoison',
    tag: 'Operations',
    summary: 'Shows a message that nobody can read',
    params,
    responses: { 200: { description: 'The message, whole.', schema: PoisonMessage } },
    problems: ['invalid-id', 'not-found', 'unavailable'],
  },
  redrive: {
    method: 'post',
    path: '/poison/:id/redrive',
    operationId: 'redrivePoison',
    tag: 'Operations',
    summary: 'Publishes its bytes to its topic again',
    description: 'For when somebody can read them now. Every group of that topic gets them.',
    params,
    responses: { 202: { description: 'It is there again: the message as it was.', schema: PoisonMessage } },
    problems: ['invalid-id', 'not-found', 'unavailable', 'read-only', 'stopping'],
  },
  discard: {
    method: 'post',
    path: '/poison/:id/discard',
    operationId: 'discardPoison',
    tag: 'Operations',
    summary: 'Takes it off the list, on record',
    params,
    body: { schema: DiscardPoisonRequest, required: true },
    responses: { 200: { description: 'It is off the list: the message as it was.', schema: PoisonMessage } },
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
