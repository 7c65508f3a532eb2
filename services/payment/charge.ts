import type { Command } from '@recourse/contracts/commands';
import { assertNever } from '@recourse/infra/assert-never';
import type { ChargeEvent, Payment, PaymentAnswered } from './model.ts';
import { wrongWay } from './wrong-way.ts';

/** The payment that is charged at once: what the decider makes of its commands and events. */

/** Takes a charge back; its outcome has to be learned first where it is open. */
export const refund = (command: Command<'RefundPayment'>, state: Payment): readonly ChargeEvent[] => {
  switch (state.status) {
    case 'none':
    case 'failed': {
      const { currency } = command.data;
      return [
        { type: 'PaymentRefunded', data: { commandId: command.id, amount: 0, currency, nothing: true } },
      ];
    }
    case 'processed':
      return [{ type: 'RefundStarted', data: { commandId: command.id, ...state.charge } }];
    case 'started': // Its outcome has to be learned first.
    case 'authorizing':
    case 'refunding':
    case 'refunded':
      return [];
    case 'authorized':
    case 'unauthorized':
    case 'capturing':
    case 'captured':
    case 'voiding':
    case 'voided':
      throw wrongWay(command, state);
    default:
      return assertNever(state);
  }
};

/** What a charge's answer is worth: an outcome, a late one, or nothing new. */
export const chargeAnswered = (
  { intent, answer }: Extract<PaymentAnswered, { type: 'ChargeAnswered' }>,
  state: Payment,
): readonly ChargeEvent[] => {
  if (state.status !== 'started' && !('chargeBy' in state))
    throw new Error('a charge was answered that no intent had asked for');
  // Another repeat of the call was faster, or a person settled the step and the provider has been heard since.
  if (state.status !== 'started' && state.chargeBy !== 'person') return [];
  const { commandId, amount, currency } = intent;
  const late = state.status === 'started' ? {} : ({ late: true } as const);
  return answer.accepted
    ? [
        {
          type: 'PaymentProcessed',
          data: { commandId, chargeId: answer.chargeId, amount, currency, ...late },
        },
      ]
    : [{ type: 'PaymentFailed', data: { commandId, reason: answer.reason, ...late } }];
};

/** The same of a refund's answer. */
export const refundAnswered = (
  { commandId, charge, refundId }: Extract<PaymentAnswered, { type: 'RefundAnswered' }>,
  state: Payment,
): readonly ChargeEvent[] => {
  if (state.status !== 'refunding' && state.status !== 'refunded')
    throw new Error('a refund was answered that no intent had asked for');
  if (state.status === 'refunded' && state.refundBy !== 'person') return [];
  const late = state.status === 'refunding' ? {} : ({ late: true } as const);
  const { amount, currency } = charge;
  return [
    { type: 'PaymentRefunded', data: { commandId, amount, currency, refundId, nothing: false, ...late } },
  ];
};

/** Folds one event of a payment that is charged at once. */
export const evolveCharge = (state: Payment, event: ChargeEvent): Payment => {
  switch (event.type) {
    case 'PaymentStarted':
      return { status: 'started', intent: event.data };
    case 'PaymentProcessed': {
      const { chargeId, amount, currency, by, late } = event.data;
      if (late) return chargeHeardLate(state);
      return { status: 'processed', charge: { chargeId, amount, currency }, chargeBy: by ?? 'provider' };
    }
    case 'PaymentFailed': {
      const { by, late } = event.data;
      return late ? chargeHeardLate(state) : { status: 'failed', chargeBy: by ?? 'provider' };
    }
    case 'RefundStarted': {
      const { commandId, chargeId, amount, currency } = event.data;
      const chargeBy = state.status === 'processed' ? state.chargeBy : 'provider';
      return { status: 'refunding', commandId, charge: { chargeId, amount, currency }, chargeBy };
    }
    case 'PaymentRefunded': {
      const { nothing, by, late } = event.data;
      if (late) return 'refundBy' in state ? { ...state, refundBy: 'late' } : state;
      const { chargeBy = 'provider' } = 'chargeBy' in state ? state : {};
      return { status: 'refunded', nothing, chargeBy, refundBy: by ?? 'provider' };
    }
    default:
      return assertNever(event);
  }
};

const chargeHeardLate = (state: Payment): Payment =>
  'chargeBy' in state ? { ...state, chargeBy: 'late' } : state;
