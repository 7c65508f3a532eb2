import { Order, OrderRequest } from '@recourse/contracts/http';
import type { OrderId, Sku } from '@recourse/contracts/ids';
import { totalOf } from '@recourse/contracts/money';
import { orderStream } from '@recourse/contracts/streams';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { readJson } from '../body.ts';
import { type Context, type Created, orderPath } from '../deps.ts';
import { anonymous, bodyHashOf, idempotencyKey, orderIdOfKey } from '../idempotency.ts';
import { foldOrder, hasEnded, type OrderView, toOrder } from '../order-view.ts';
import { preferredWait } from '../prefer.ts';
import { type FieldError, notFound, ProblemError } from '../problem.ts';
import { readOrder, viewCategories } from '../records.ts';
import { type Route, sendJson } from '../route.ts';
import { valid } from '../validate.ts';
import { beginWait, type Wait } from '../waiting.ts';

/** What one request asks for. */
type Asked = {
  readonly orderId: OrderId;
  readonly keyed: boolean;
  readonly created: Created;
  readonly waitSeconds: number | undefined;
};

/** `POST /orders`: the way in, and the only valve. */
export const postOrderRoute = (context: Context): Route => {
  const { log, orders, live, clock } = context;

  const serve = async (req: Request, res: Response): Promise<void> => {
    const asked = await readAsked(context, req);
    if (asked.keyed) {
      const known = await firstOf(asked.orderId);
      if (known !== undefined) return answerKnown(res, asked, known);
    }
    refuseWhenFull(context);
    await refuseUnknownSkus(context, asked.created);
    const wait = asked.waitSeconds ? newWait(res, asked.orderId) : undefined;
    try {
      const known = await create(asked);
      if (known !== undefined) await answerKnown(res, asked, known, wait);
      else await answer(res, asked, wait);
    } finally {
      wait?.stop();
    }
  };

  /** The order that stands under this id, read from its own stream. */
  const firstOf = async (orderId: OrderId): Promise<Created | undefined> => {
    const [first] = await log.readStream(orderStream('order', orderId), { max: 1 });
    return first?.type === 'OrderCreated' ? first.data : undefined;
  };

  /** A wait that ends when the client leaves, also where it has left before. */
  const waitFor = (res: Response, orderId: OrderId): Wait | undefined => {
    const wait = beginWait({ live, log, clock }, orderId);
    if (wait === undefined) return undefined;
    if (res.destroyed) wait.stop();
    else res.once('close', wait.stop);
    return wait;
  };

  const newWait = (res: Response, orderId: OrderId): Wait => {
    const wait = waitFor(res, orderId);
    if (wait === undefined)
      throw new ProblemError('overloaded', 'Too many requests are waiting for an order.');
    return wait;
  };

  /** Creates the order; what stands there already where another request was first. */
  const create = async ({ orderId, created }: Asked): Promise<Created | undefined> => {
    const seen = live.position();
    live.expect(orderId);
    try {
      // The order is its own cause, so that its ids, and those of all its commands, are the same whenever a key comes
      // again, even to a log that was restored from before. Where it stands tells a repeat that crossed the first.
      const outcome = await orders.create(orderId, created, orderId);
      if (outcome.created && outcome.position > seen) return undefined;
      live.unexpect(orderId);
      return outcome.created ? created : outcome.order;
    } catch (error) {
      live.unexpect(orderId);
      throw error;
    }
  };

  const answerKnown = async (res: Response, asked: Asked, known: Created, begun?: Wait): Promise<void> => {
    if (known.bodyHash !== asked.created.bodyHash) {
      throw new ProblemError(
        'idempotency-key-reused',
        'This Idempotency-Key came with another order before.',
        {
          errors: [{ path: 'Idempotency-Key', message: 'was used for another request' }],
        },
      );
    }
    // A known order is answered although too many wait or the process stops: then at once.
    const wanted = asked.waitSeconds !== undefined && asked.waitSeconds > 0 && !context.stopping();
    const wait = begun ?? (wanted ? waitFor(res, asked.orderId) : undefined);
    try {
      await wait?.catchUp();
      await answer(res, asked, wait);
    } finally {
      wait?.stop();
    }
  };

  /** 200 with the order at its end, 202 with the order as it is. */
  const answer = async (res: Response, asked: Asked, wait: Wait | undefined): Promise<void> => {
    const { orderId, waitSeconds } = asked;
    let view: OrderView | undefined;
    if (wait !== undefined && waitSeconds !== undefined) {
      view = await wait.ended(waitSeconds * 1_000);
      if (res.destroyed) return;
    }
    // Not waited for, or so shortly that its first record has not come round.
    if (view?.created === undefined) view = foldOrder(orderId, await readOrder(log, orderId, viewCategories));
    const headers: Record<string, string> = { Location: orderPath(orderId) };
    if (wait !== undefined || waitSeconds === 0) headers['Preference-Applied'] = `wait=${waitSeconds}`;
    const order = toOrder(view);
    if (order === undefined) throw notFound(`Order ${orderId}`);
    sendJson(res, hasEnded(view) ? 200 : 202, order, headers);
  };

  return { ...documented, serve };
};

/** Reads and checks all that needs nothing but the request. */
const readAsked = async ({ limits, ids }: Context, req: Request): Promise<Asked> => {
  const request = valid(OrderRequest, await readJson(req, limits.bodyBytesMax));
  const key = idempotencyKey(req.headers['idempotency-key']);
  const total = totalOf(request.lines);
  if (total === undefined) {
    const message = 'the total passes 2^53 − 1 minor units';
    throw new ProblemError('money-overflow', `lines: ${message}`, { errors: [{ path: 'lines', message }] });
  }
  const { customerId = null, currency, country, paymentToken, lines } = request;
  return {
    orderId: key === undefined ? (ids.next() as OrderId) : orderIdOfKey(anonymous, key),
    keyed: key !== undefined,
    created: { customerId, currency, country, paymentToken, lines, total, bodyHash: bodyHashOf(request) },
    waitSeconds: preferredWait(req.headers.prefer, limits.waitSecondsMax),
  };
};

const refuseWhenFull = ({ stopping, live, limits }: Context): void => {
  if (stopping()) throw new ProblemError('stopping', 'No new orders are taken: the service is stopping.');
  if (live.openOrders() >= limits.openOrdersMax) {
    throw new ProblemError('overloaded', `${limits.openOrdersMax} orders are open: ask again in a moment.`);
  }
};

const refuseUnknownSkus = async ({ inventory }: Context, { lines }: Created): Promise<void> => {
  let errors: FieldError[] | undefined;
  const known = new Map<Sku, boolean>();
  for (const [index, { sku }] of lines.entries()) {
    let isKnown = known.get(sku);
    if (isKnown === undefined) {
      isKnown = await inventory.isKnown(sku);
      known.set(sku, isKnown);
    }
    if (isKnown) continue;
    errors ??= [];
    errors.push({ path: `lines[${index}].sku`, message: 'has never been received into stock' });
  }
  if (errors === undefined) return;
  throw new ProblemError('unknown-sku', `${errors[0]?.path} has never been received into stock.`, { errors });
};

const documented = {
  method: 'post',
  path: '/orders',
  operationId: 'createOrder',
  tag: 'Orders',
  summary: 'Orders',
  description:
    'Takes an order and answers 202 with where it is. With `Prefer: wait=N` waits up to N seconds for its end and ' +
    'answers 200. With an `Idempotency-Key` the same request again answers the same order as it is now; the key ' +
    'with another body is refused.',
  headers: z.object({
    'Idempotency-Key': z.string().min(1).max(257).optional().meta({
      description: '1 to 255 printable ASCII characters, in double quotes or bare. Kept for ever.',
    }),
    Prefer: z
      .string()
      .optional()
      .meta({ description: '`wait=N`: seconds (RFC 7240).', examples: ['wait=10'] }),
  }),
  body: { schema: OrderRequest, required: true },
  responses: {
    200: { description: 'The order at its end.', schema: Order },
    202: { description: 'Accepted; `Location` says where it is.', schema: Order },
  },
  problems: [
    'malformed-json',
    'invalid-request',
    'money-overflow',
    'body-too-large',
    'unsupported-media-type',
    'unknown-sku',
    'idempotency-key-reused',
    'overloaded',
    'unavailable',
    'read-only',
    'stopping',
  ],
} satisfies Omit<Route, 'serve'>;
