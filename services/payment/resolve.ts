import { assertNever } from '@recourse/infra/assert-never';
import type { Payment, PaymentEvent, ResolvePayment } from './model.ts';
import { resolveAuthorization, resolveCapture, resolveVoid } from './resolve-authorization.ts';
import { resolveCharge, resolveRefund } from './resolve-charge.ts';

/**
 * The outcome of the open step first, if there is one, then the answer, all to be appended together. None where the
 * resolution does not fit what the log holds: another command, a step that has its outcome, or a contradiction.
 */
export const resolvePayment = (resolution: ResolvePayment, state: Payment): readonly PaymentEvent[] => {
  const { outcome, openOutcome } = resolution;
  if (openOutcome !== undefined && isOfCharge(openOutcome) !== isOfCharge(outcome)) return [];
  switch (outcome) {
    case 'PaymentProcessed':
    case 'PaymentFailed':
      return resolveCharge(resolution, state);
    case 'PaymentRefunded':
      return resolveRefund(resolution, state);
    case 'PaymentAuthorized':
    case 'AuthorizationFailed':
      return resolveAuthorization(resolution, state);
    case 'PaymentCaptured':
      return resolveCapture(resolution, state);
    case 'PaymentVoided':
      return resolveVoid(resolution, state);
    default:
      return assertNever(outcome);
  }
};

const ofCharge: ReadonlySet<ResolvePayment['outcome']> = new Set([
  'PaymentProcessed',
  'PaymentFailed',
  'PaymentRefunded',
]);

/** Whether an outcome is of a payment that is charged at once, not of one that is authorised first. */
const isOfCharge = (outcome: ResolvePayment['outcome']) => ofCharge.has(outcome);
