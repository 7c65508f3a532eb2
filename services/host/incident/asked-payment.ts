import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { before, type Question, resolved, type Sight, signedOf } from './asked.ts';

/** What the payment decider was asked. */
export const askedOfPayment = (sight: Sight): Question => {
  const record = sight.stream[sight.at]! as RecordedEvent;
  const { commandId, by } = signedOf(record);
  if (by === 'person') return resolved('ResolvePayment', sight);
  switch (record.type) {
    case 'PaymentProcessed': {
      const { chargeId, amount, currency } = record.data;
      const answer = { accepted: true, chargeId };
      return { type: 'ChargeAnswered', intent: { commandId, amount, currency }, answer };
    }
    case 'PaymentFailed':
      return { type: 'ChargeAnswered', intent: intentOf(sight, 'PaymentStarted'), answer: declined(record) };
    case 'PaymentRefunded': {
      if (record.data.nothing) return { issued: commandId };
      const { chargeId, amount, currency } = before(sight, 'RefundStarted').data;
      const { refundId } = record.data;
      return { type: 'RefundAnswered', commandId, charge: { chargeId, amount, currency }, refundId };
    }
    case 'PaymentAuthorized': {
      const { authorizationId, amount, currency } = record.data;
      const answer = { accepted: true, authorizationId };
      return { type: 'AuthorizationAnswered', intent: { commandId, amount, currency }, answer };
    }
    case 'AuthorizationFailed': {
      const intent = intentOf(sight, 'AuthorizationStarted');
      return { type: 'AuthorizationAnswered', intent, answer: declined(record) };
    }
    case 'PaymentCaptured':
      // Where it was captured at once, nobody had to be called.
      if (sight.status === 'processed') return { issued: commandId };
      return {
        type: 'CaptureAnswered',
        intent: before(sight, 'CaptureStarted').data,
        captureId: record.data.captureId,
      };
    case 'PaymentVoided':
      if (record.data.nothing) return { issued: commandId };
      return { type: 'VoidAnswered', commandId, voidId: record.data.voidId };
    default:
      return { issued: commandId };
  }
};

const declined = ({ data: { reason } }: RecordedEvent<'PaymentFailed' | 'AuthorizationFailed'>) => ({
  accepted: false,
  reason,
});

const intentOf = (sight: Sight, type: 'PaymentStarted' | 'AuthorizationStarted') => {
  const { commandId, amount, currency } = before(sight, type).data;
  return { commandId, amount, currency };
};
