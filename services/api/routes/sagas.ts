import { toCloudEvent } from '@recourse/contracts/envelope';
import { History, Saga, SagaList, SagaListQuery } from '@recourse/contracts/http';
import { z } from 'zod';
import type { Context } from '../deps.ts';
import { asked, momentIn, SagaMoment } from '../moment.ts';
import { type Route, sendJson } from '../route.ts';
import { readHistory, readSaga } from '../saga-reading.ts';
import { sagaStream } from '../saga-stream.ts';
import { valid } from '../validate.ts';
import { orderIdOf, orderParams } from './orders.ts';
import { repairRoutes } from './repairs.ts';

/** Sagas: shown as they are and were, listed, watched, and put right by a person. */
export const sagaRoutes = (context: Context): readonly Route[] => {
  const { readModels } = context;

  return [
    {
      ...documented.list,
      serve: async (req, res) => {
        sendJson(res, 200, await readModels.listSagas(valid(SagaListQuery, req.query)));
      },
    },
    {
      ...documented.get,
      serve: async (req, res) => {
        const orderId = orderIdOf(req);
        const until = await momentIn(context, 'saga', orderId, asked(SagaMoment, req.query));
        sendJson(res, 200, await readSaga(context, orderId, until));
      },
    },
    {
      ...documented.history,
      serve: async (req, res) => {
        const orderId = orderIdOf(req);
        const records = await readHistory(context, orderId);
        const history: History = { sagaId: orderId, events: records.map((record) => toCloudEvent(record)) };
        sendJson(res, 200, history);
      },
    },
    { ...documented.stream, serve: sagaStream(context) },
    ...repairRoutes(context),
  ];
};

const documented = {
  list: {
    method: 'get',
    path: '/sagas',
    operationId: 'listSagas',
    tag: 'Sagas',
    summary: 'Lists sagas, newest first',
    description: 'From a read model: `position` says how far it has come.',
    query: SagaListQuery,
    responses: { 200: { description: 'A page.', schema: SagaList } },
    problems: ['invalid-request', 'unavailable'],
  },
  get: {
    method: 'get',
    path: '/sagas/:id',
    operationId: 'getSaga',
    tag: 'Sagas',
    summary: 'Shows a saga, as it is or as it was',
    params: orderParams,
    query: SagaMoment,
    responses: { 200: { description: 'The saga.', schema: Saga } },
    problems: ['invalid-id', 'invalid-request', 'not-found', 'unavailable'],
  },
  history: {
    method: 'get',
    path: '/sagas/:id/history',
    operationId: 'getHistory',
    tag: 'Sagas',
    summary: 'Shows every event of an order',
    description:
      'CloudEvents of all streams of the order and of what it moved in the stock, in the order of the log: no effect ' +
      'stands before its cause.',
    params: orderParams,
    responses: { 200: { description: 'The history.', schema: History } },
    problems: ['invalid-id', 'not-found', 'unavailable'],
  },
  stream: {
    method: 'get',
    path: '/sagas/:id/stream',
    operationId: 'watchSaga',
    tag: 'Sagas',
    summary: 'Watches a saga: server-sent events',
    description:
      'Every event of the order as it happens, past ones first, and every command that the saga issues. `event` is the ' +
      'wire name, `data` a CloudEvent, `id` the place to resume from with `Last-Event-ID`. Ends with the saga.',
    params: orderParams,
    headers: z.object({ 'Last-Event-ID': z.string().optional() }),
    responses: {
      200: { description: 'The events.', schema: z.string(), contentType: 'text/event-stream' },
      204: { description: 'The saga has ended, and all of it has been seen: do not connect again.' },
    },
    problems: ['invalid-id', 'invalid-request', 'not-found', 'overloaded', 'unavailable', 'stopping'],
  },
} satisfies Record<string, Omit<Route, 'serve'>>;
