import type { Command } from '@recourse/contracts/commands';
import { assertNever } from '@recourse/infra/assert-never';
import type { AuthorizationEvent, Payment, PaymentAnswered } from './model.ts';
import { wrongWay } from './wrong-way.ts';

/** The payment that is authorised first: what the decider makes of its commands and events. */

/** Captures what was authorised. There is no failure event: without an outcome it is asked for again. */
export const capture = (
  command: Command<'CapturePayment'>,
  state: Payment,
): readonly AuthorizationEvent[] => {
  const commandId = command.id;
  switch (state.status) {
    case 'authorized': {
      const { authorizationId } = state.authorization;
      return [{ type: 'CaptureStarted', data: { commandId, authorizationId, ...command.data } }];
    }
    case 'processed': {
      // It was captured at once: nobody is called, and the saga hears what it waits for.
      const { chargeId, amount, currency } = state.charge;
      return state.captureAnswered === undefined
        ? [{ type: 'PaymentCaptured', data: { commandId, captureId: chargeId, amount, currency } }]
        : [];
    }
    case 'authorizing': // Its outcome has to be learned first.
    case 'started':
    case 'capturing':
    case 'captured':
      return [];
    case 'none':
    case 'failed':
    case 'unauthorized':
    case 'refunding':
    case 'refunded':
    case 'voiding':
    case 'voided':
      throw wrongWay(command, state);
    default:
      return assertNever(state);
  }
};

/** Lets go of what was authorised, or leaves a tombstone, which refuses a late AuthorizePayment. */
export const voidPayment = (
  command: Command<'VoidPayment'>,
  state: Payment,
): readonly AuthorizationEvent[] => {
  const commandId = command.id;
  switch (state.status) {
    case 'none':
    case 'failed':
    case 'unauthorized':
      return [{ type: 'PaymentVoided', data: { commandId, nothing: true } }];
    case 'authorized': {
      const { authorizationId } = state.authorization;
      return [{ type: 'VoidStarted', data: { commandId, authorizationId } }];
    }
    case 'authorizing': // Its outcome has to be learned first.
    case 'started':
    case 'voiding':
    case 'voided':
      return [];
    case 'processed': // Charged at once: its saga hears that, too, and asks for a refund instead.
    case 'refunding':
    case 'refunded':
      return [];
    case 'capturing': // Past the pivot.
    case 'captured':
      throw wrongWay(command, state);
    default:
      return assertNever(state);
  }
};

/** What an authorisation's answer is worth: an outcome, a late one, or nothing new. */
export const authorizationAnswered = (
  { intent, answer }: Extract<PaymentAnswered, { type: 'AuthorizationAnswered' }>,
  state: Payment,
): readonly AuthorizationEvent[] => {
  if (state.status !== 'authorizing' && !('authorizedBy' in state))
    throw new Error('an authorisation was answered that no intent had asked for');
  // Another repeat of the call was faster, or a person settled the step and the provider has been heard since.
  if (state.status !== 'authorizing' && state.authorizedBy !== 'person') return [];
  const { commandId, amount, currency } = intent;
  const late = state.status === 'authorizing' ? {} : ({ late: true } as const);
  if (!answer.accepted)
    return [{ type: 'AuthorizationFailed', data: { commandId, reason: answer.reason, ...late } }];
  const { authorizationId } = answer;
  return [{ type: 'PaymentAuthorized', data: { commandId, authorizationId, amount, currency, ...late } }];
};

/** The same of a capture's answer. */
export const captureAnswered = (
  { intent, captureId }: Extract<PaymentAnswered, { type: 'CaptureAnswered' }>,
  state: Payment,
): readonly AuthorizationEvent[] => {
  if (state.status !== 'capturing' && state.status !== 'captured')
    throw new Error('a capture was answered that no intent had asked for');
  if (state.status === 'captured' && state.capturedBy !== 'person') return [];
  const { commandId, amount, currency } = intent;
  const late = state.status === 'capturing' ? {} : ({ late: true } as const);
  return [{ type: 'PaymentCaptured', data: { commandId, captureId, amount, currency, ...late } }];
};

/** The same of a void's answer. */
export const voidAnswered = (
  { commandId, voidId }: Extract<PaymentAnswered, { type: 'VoidAnswered' }>,
  state: Payment,
): readonly AuthorizationEvent[] => {
  if (state.status !== 'voiding' && state.status !== 'voided')
    throw new Error('a void was answered that no intent had asked for');
  if (state.status === 'voided' && state.voidedBy !== 'person') return [];
  const late = state.status === 'voiding' ? {} : ({ late: true } as const);
  return [{ type: 'PaymentVoided', data: { commandId, voidId, nothing: false, ...late } }];
};

/** Folds one event of a payment that is authorised first. */
export const evolveAuthorization = (state: Payment, event: AuthorizationEvent): Payment => {
  const authorizedBy = 'authorizedBy' in state ? state.authorizedBy : 'provider';
  switch (event.type) {
    case 'AuthorizationStarted':
      return { status: 'authorizing', intent: event.data };
    case 'PaymentAuthorized': {
      const { authorizationId, amount, currency, by, late } = event.data;
      if (late) return authorizationHeardLate(state);
      const authorization = { authorizationId, amount, currency };
      return { status: 'authorized', authorization, authorizedBy: by ?? 'provider' };
    }
    case 'AuthorizationFailed': {
      const { by, late } = event.data;
      return late
        ? authorizationHeardLate(state)
        : { status: 'unauthorized', authorizedBy: by ?? 'provider' };
    }
    case 'CaptureStarted':
      return { status: 'capturing', intent: event.data, authorizedBy };
    case 'PaymentCaptured': {
      const { by, late } = event.data;
      if (late) return 'capturedBy' in state ? { ...state, capturedBy: 'late' } : state;
      if (state.status === 'processed') return { ...state, captureAnswered: true };
      return { status: 'captured', authorizedBy, capturedBy: by ?? 'provider' };
    }
    case 'VoidStarted': {
      const { commandId, authorizationId } = event.data;
      return { status: 'voiding', commandId, authorizationId, authorizedBy };
    }
    case 'PaymentVoided': {
      const { nothing, by, late } = event.data;
      if (late) return 'voidedBy' in state ? { ...state, voidedBy: 'late' } : state;
      const charged = 'chargeBy' in state ? { chargeBy: state.chargeBy } : {};
      return { status: 'voided', nothing, authorizedBy, voidedBy: by ?? 'provider', ...charged };
    }
    default:
      return assertNever(event);
  }
};

const authorizationHeardLate = (state: Payment): Payment =>
  'authorizedBy' in state ? { ...state, authorizedBy: 'late' } : state;
