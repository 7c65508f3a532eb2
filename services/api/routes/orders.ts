import { CancelPreview, Order, OrderList, OrderListQuery, type SagaState } from '@recourse/contracts/http';
import { OrderId } from '@recourse/contracts/ids';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { cancelPreview } from '@recourse/sagas/cancel-preview';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { type Context, orderPath } from '../deps.ts';
import { asked, type Moment, momentIn, notYet, OrderMoment, wasKnown } from '../moment.ts';
import { foldOrder, type OrderView, toOrder } from '../order-view.ts';
import { notFound, ProblemError } from '../problem.ts';
import { readOrder, viewCategories } from '../records.ts';
import { type Route, sendJson } from '../route.ts';
import { valid, validId } from '../validate.ts';
import { postOrderRoute } from './post-order.ts';

/** The path of whatever belongs to one order. */
export const orderParams = z.object({ id: OrderId });

/** The id in the path of an order or of its saga. */
export const orderIdOf = (req: Request): OrderId => validId(OrderId, 'id', req.params.id);

/** Orders: made, shown, listed, cancelled. */
export const orderRoutes = (context: Context): readonly Route[] => {
  const { log, orders, ids, readModels } = context;

  /** The order as it is, or as it was, folded from its own streams. Throws `not-found`. */
  const viewOf = async (orderId: OrderId, until?: Moment): Promise<OrderView> => {
    const records: readonly RecordedEvent[] = await readOrder(log, orderId, viewCategories);
    const known = until === undefined ? records : records.filter((record) => wasKnown(record, until));
    const view = foldOrder(orderId, known);
    if (view.created !== undefined) return view;
    const [first] = records;
    throw first === undefined ? notFound(`Order ${orderId}`) : notYet(`Order ${orderId}`, first);
  };

  const get = async (req: Request, res: Response): Promise<void> => {
    const orderId = orderIdOf(req);
    const wish = asked(OrderMoment, req.query);
    sendJson(res, 200, toOrder(await viewOf(orderId, await momentIn(context, 'order', orderId, wish))));
  };

  const cancel = async (req: Request, res: Response): Promise<void> => {
    const orderId = orderIdOf(req);
    const before = await viewOf(orderId);
    refuseAfterPivot(before);
    if (before.end === 'cancelled') return sendJson(res, 200, toOrder(before));
    const { state } = await orders.requestCancellation(orderId, ids.next());
    const after = await viewOf(orderId);
    // It came to its end while the wish was on its way.
    if (state.status === 'completed') refuseAfterPivot(after);
    const headers = { Location: orderPath(orderId) };
    sendJson(res, after.end === 'cancelled' ? 200 : 202, toOrder(after), headers);
  };

  return [
    postOrderRoute(context),
    {
      ...documented.list,
      serve: async (req, res) => {
        sendJson(res, 200, await readModels.listOrders(valid(OrderListQuery, req.query)));
      },
    },
    { ...documented.get, serve: get },
    { ...documented.cancel, serve: cancel },
    {
      ...documented.preview,
      serve: async (req, res) => {
        const orderId = orderIdOf(req);
        const view = await viewOf(orderId);
        const preview = cancelPreview(orderId, {
          state: (view.end ?? view.sagaState) as SagaState,
          version: view.sagaVersion ?? 1,
          captured: view.sagaCaptured,
          shipped: view.shipping === 'shipped',
        });
        sendJson(res, 200, preview);
      },
    },
  ];
};

/** After OrderShipped an order can only be brought to its end. */
const refuseAfterPivot = ({ end, shipping }: OrderView): void => {
  if (end === 'completed') throw new ProblemError('order-completed', 'It cannot be cancelled any more.');
  if (end === undefined && shipping === 'shipped') {
    throw new ProblemError('order-shipped', 'The parcel is gone: the order can only be completed.');
  }
};

const documented = {
  list: {
    method: 'get',
    path: '/orders',
    operationId: 'listOrders',
    tag: 'Orders',
    summary: 'Lists orders, newest first',
    description: 'From a read model: `position` says how far it has come.',
    query: OrderListQuery,
    responses: { 200: { description: 'A page.', schema: OrderList } },
    problems: ['invalid-request', 'unavailable'],
  },
  get: {
    method: 'get',
    path: '/orders/:id',
    operationId: 'getOrder',
    tag: 'Orders',
    summary: 'Shows an order, as it is or as it was',
    description:
      'Folded from its own streams: what has been acknowledged is in it. With `revision`, `position` or `time`: what ' +
      'was known then.',
    params: orderParams,
    query: OrderMoment,
    responses: { 200: { description: 'The order.', schema: Order } },
    problems: ['invalid-id', 'invalid-request', 'not-found', 'unavailable'],
  },
  cancel: {
    method: 'post',
    path: '/orders/:id/cancel',
    operationId: 'cancelOrder',
    tag: 'Orders',
    summary: 'Asks to cancel an order',
    description: 'Asked again it answers the same: 202 while the order is being taken back, 200 once it is.',
    params: orderParams,
    responses: {
      200: { description: 'It is cancelled.', schema: Order },
      202: { description: 'It is being cancelled.', schema: Order },
    },
    problems: [
      'invalid-id',
      'not-found',
      'order-shipped',
      'order-completed',
      'unavailable',
      'read-only',
      'stopping',
    ],
  },
  preview: {
    method: 'get',
    path: '/orders/:id/cancel-preview',
    operationId: 'previewCancellation',
    tag: 'Orders',
    summary: 'Says what cancelling would undo',
    params: orderParams,
    responses: { 200: { description: 'From its real history.', schema: CancelPreview } },
    problems: ['invalid-id', 'not-found', 'unavailable'],
  },
} satisfies Record<string, Omit<Route, 'serve'>>;
