import type { CommandId } from '@recourse/contracts/ids';
import { assertNever } from '@recourse/infra/assert-never';
import type { AuthorizationEvent, Money, Payment, ResolvePayment } from './model.ts';

/** What a person found out about a payment that is authorised first. */

/** Of an authorisation: the answer to AuthorizePayment. */
export const resolveAuthorization = (
  resolution: ResolvePayment,
  state: Payment,
): readonly AuthorizationEvent[] => {
  const { commandId, outcome, openOutcome } = resolution;
  if (openOutcome !== undefined && openOutcome !== outcome) return [];
  switch (state.status) {
    case 'none': // The command never reached the participant: if it does later, it finds its answer.
      return authorizationOutcome(resolution, commandId, outcome === 'PaymentAuthorized', resolution);
    case 'authorizing':
      if (state.intent.commandId !== commandId) return [];
      return authorizationOutcome(resolution, commandId, outcome === 'PaymentAuthorized', state.intent);
    default:
      return [];
  }
};

/**
 * Of a capture: the answer to CapturePayment, behind that of an authorisation that is open. Only what was authorised
 * is captured; a person who found the authorisation declined has to get the money first.
 */
export const resolveCapture = (resolution: ResolvePayment, state: Payment): readonly AuthorizationEvent[] => {
  const { commandId, openOutcome } = resolution;
  if (openOutcome === 'AuthorizationFailed') return [];
  switch (state.status) {
    case 'authorizing': {
      if (openOutcome === undefined) return [];
      const { intent } = state;
      const authorized = authorizationOutcome(resolution, intent.commandId, true, intent);
      return [...authorized, captured(resolution, intent)];
    }
    case 'authorized':
      return [captured(resolution, state.authorization)];
    case 'capturing':
      return state.intent.commandId === commandId ? [captured(resolution, state.intent)] : [];
    case 'none':
    case 'started':
    case 'processed':
    case 'failed':
    case 'refunding':
    case 'refunded':
    case 'unauthorized':
    case 'captured':
    case 'voiding':
    case 'voided':
      return [];
    default:
      return assertNever(state);
  }
};

/** Of a void: the answer to VoidPayment, behind that of an authorisation that is open. */
export const resolveVoid = (resolution: ResolvePayment, state: Payment): readonly AuthorizationEvent[] => {
  const { commandId, openOutcome } = resolution;
  switch (state.status) {
    case 'none':
    case 'failed':
    case 'unauthorized':
      return openOutcome === 'PaymentAuthorized' ? [] : [voided(resolution, true)];
    case 'authorizing': {
      if (openOutcome === undefined) return [];
      const { intent } = state;
      const authorized = openOutcome === 'PaymentAuthorized';
      return [
        ...authorizationOutcome(resolution, intent.commandId, authorized, intent),
        voided(resolution, !authorized),
      ];
    }
    case 'voiding':
      if (state.commandId !== commandId) return [];
      return openOutcome === 'AuthorizationFailed' ? [] : [voided(resolution, false)];
    case 'authorized':
      return openOutcome === 'AuthorizationFailed' ? [] : [voided(resolution, false)];
    case 'started':
    case 'processed':
    case 'refunding':
    case 'refunded':
    case 'capturing':
    case 'captured':
    case 'voided':
      return [];
    default:
      return assertNever(state);
  }
};

const signed = ({ reference, note }: ResolvePayment) => ({ by: 'person', reference, note }) as const;

const authorizationOutcome = (
  resolution: ResolvePayment,
  commandId: CommandId,
  authorized: boolean,
  { amount, currency }: Pick<ResolvePayment, 'amount' | 'currency'>,
): readonly AuthorizationEvent[] => {
  const by = signed(resolution);
  if (!authorized)
    return [{ type: 'AuthorizationFailed', data: { commandId, reason: 'settled-by-person', ...by } }];
  if (amount === undefined || currency === undefined) return [];
  const authorizationId = resolution.reference;
  return [{ type: 'PaymentAuthorized', data: { commandId, authorizationId, amount, currency, ...by } }];
};

const captured = (resolution: ResolvePayment, { amount, currency }: Money): AuthorizationEvent => {
  const { commandId, reference: captureId } = resolution;
  return {
    type: 'PaymentCaptured',
    data: { commandId, captureId, amount, currency, ...signed(resolution) },
  };
};

const voided = (resolution: ResolvePayment, nothing: boolean): AuthorizationEvent => {
  const { commandId, reference } = resolution;
  const voidId = nothing ? {} : { voidId: reference };
  return { type: 'PaymentVoided', data: { commandId, ...voidId, nothing, ...signed(resolution) } };
};
