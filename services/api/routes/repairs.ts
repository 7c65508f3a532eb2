import type { CommandName } from '@recourse/contracts/commands';
import type { EventData } from '@recourse/contracts/events';
import { ResolveRequest, RetryRequest, Saga } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { ConflictError } from '@recourse/infra/errors';
import { stamp } from '@recourse/infra/event-id';
import type { Request, Response } from 'express';
import { readJson } from '../body.ts';
import type { Context, Created } from '../deps.ts';
import { ProblemError } from '../problem.ts';
import { type Route, sendJson } from '../route.ts';
import { readEnds, readSaga } from '../saga-reading.ts';
import { valid } from '../validate.ts';
import { orderIdOf, orderParams } from './orders.ts';

/** How often a retry is appended anew because a timer was appended first. */
const conflictsMax = 10;

/** The dead letters of one saga that one retry redrives at most. */
const redrivenMax = 1_000;

/** What each command outside can be answered with by a person. */
const answersTo: Partial<Record<CommandName, readonly ResolveRequest['outcome'][]>> = {
  ProcessPayment: ['PaymentProcessed', 'PaymentFailed'],
  RefundPayment: ['PaymentRefunded'],
  AuthorizePayment: ['PaymentAuthorized', 'AuthorizationFailed'],
  CapturePayment: ['PaymentCaptured'],
  VoidPayment: ['PaymentVoided'],
  ShipOrder: ['OrderShipped', 'ShippingFailed'],
  CancelShipment: ['ShipmentCancelled', 'ShipmentCancellationRefused'],
};

/** What a person does to a saga that is stuck. */
export const repairRoutes = (context: Context): readonly Route[] => {
  const { log, ids, deadLetters, limits } = context;

  const appendRetry = async (orderId: OrderId, data: EventData['RetryRequested']): Promise<void> => {
    const stream = orderStream('saga-input', orderId);
    const events = stamp([{ type: 'RetryRequested', data }], orderId, ids.next());
    for (let conflicts = 0; ; conflicts += 1) {
      try {
        await log.append(stream, await log.headOf(stream), events);
        return;
      } catch (error) {
        if (!(error instanceof ConflictError) || conflicts >= conflictsMax) throw error;
      }
    }
  };

  const retry = async (req: Request, res: Response): Promise<void> => {
    const orderId = orderIdOf(req);
    const request = valid(RetryRequest, await readJson(req, limits.bodyBytesMax, { optional: true }));
    const { last } = await readEnds(context, orderId);
    if (last?.data.state.status === 'done') {
      throw new ProblemError('saga-ended', 'There is nothing to try again.');
    }
    const dead = await deadLetters.list({ key: orderId, max: redrivenMax });
    for (const { id } of dead) await deadLetters.redrive(id);
    await appendRetry(orderId, request);
    sendJson(res, 202, await readSaga(context, orderId));
  };

  const resolve = async (req: Request, res: Response): Promise<void> => {
    const orderId = orderIdOf(req);
    const request = valid(ResolveRequest, await readJson(req, limits.bodyBytesMax));
    const { created, last } = await readEnds(context, orderId);
    const outstanding = last?.data.state.context.outstanding;
    if (outstanding === undefined || outstanding.commandId !== request.commandId) {
      throw new ProblemError('not-outstanding', `The saga does not wait for command ${request.commandId}.`);
    }
    if (answersTo[outstanding.type]?.includes(request.outcome) !== true) {
      throw new ProblemError('not-resolvable', `${request.outcome} does not answer ${outstanding.type}.`);
    }
    if ((await settle(context, orderId, request, created.data)) === 'not-resolvable') {
      throw new ProblemError(
        'not-resolvable',
        `${request.outcome} does not fit what the log holds of ${outstanding.type}: it has its outcome already, or the open step needs its openOutcome.`,
      );
    }
    sendJson(res, 202, await readSaga(context, orderId));
  };

  return [
    { ...documented.retry, serve: retry },
    { ...documented.resolve, serve: resolve },
  ];
};

/** Gives a person's finding to the participant that it answers for. */
const settle = (
  { payment, shipping }: Context,
  orderId: OrderId,
  { commandId, outcome, reference, note, openOutcome }: ResolveRequest,
  { total: amount, currency }: Created,
): Promise<'recorded' | 'not-resolvable'> => {
  const said = { commandId, reference, note };
  switch (outcome) {
    case 'PaymentProcessed':
    case 'PaymentFailed':
    case 'PaymentRefunded':
    case 'PaymentAuthorized':
    case 'AuthorizationFailed':
    case 'PaymentCaptured':
    case 'PaymentVoided':
      if (isOfShipment(openOutcome)) throw otherStep(openOutcome);
      return payment.resolve(orderId, { ...said, outcome, openOutcome, amount, currency });
    case 'OrderShipped':
    case 'ShippingFailed':
    case 'ShipmentCancelled':
    case 'ShipmentCancellationRefused':
      if (openOutcome !== undefined && !isOfShipment(openOutcome)) throw otherStep(openOutcome);
      return shipping.resolve(orderId, { ...said, outcome, openOutcome });
  }
};

type OpenOutcome = ResolveRequest['openOutcome'];

const isOfShipment = (outcome: OpenOutcome): outcome is 'OrderShipped' | 'ShippingFailed' =>
  outcome === 'OrderShipped' || outcome === 'ShippingFailed';

const otherStep = (openOutcome: string) =>
  new ProblemError('not-resolvable', `${openOutcome} is no outcome of the step that this hangs on.`);

const documented = {
  retry: {
    method: 'post',
    path: '/sagas/:id/retry',
    operationId: 'retrySaga',
    tag: 'Sagas',
    summary: 'Tries again now',
    description: 'Redrives the dead letters of the saga, then asks again for what it waits for.',
    params: orderParams,
    body: { schema: RetryRequest, required: false },
    responses: { 202: { description: 'It is tried again.', schema: Saga } },
    problems: [
      'malformed-json',
      'invalid-request',
      'invalid-id',
      'not-found',
      'saga-ended',
      'body-too-large',
      'unsupported-media-type',
      'unavailable',
      'read-only',
      'stopping',
    ],
  },
  resolve: {
    method: 'post',
    path: '/sagas/:id/resolve',
    operationId: 'resolveSaga',
    tag: 'Sagas',
    summary: 'Says what became of an act outside',
    description:
      'For what the payment provider or the carrier was asked to do, where only a person could find out what became of ' +
      'it. The saga hears it as if the participant had answered.',
    params: orderParams,
    body: { schema: ResolveRequest, required: true },
    responses: { 202: { description: 'It is recorded.', schema: Saga } },
    problems: [
      'malformed-json',
      'invalid-request',
      'invalid-id',
      'not-found',
      'not-outstanding',
      'not-resolvable',
      'body-too-large',
      'unsupported-media-type',
      'unavailable',
      'read-only',
      'stopping',
    ],
  },
} satisfies Record<string, Omit<Route, 'serve'>>;
