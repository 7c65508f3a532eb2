import type { Command } from '@recourse/contracts/commands';
import { assertNever } from '@recourse/infra/assert-never';
import type { Decider } from '@recourse/infra/decider';
import type { Payment, PaymentAct, PaymentCommand, PaymentEvent } from './model.ts';
import { resolvePayment } from './resolve.ts';

/** See `Payment`. */
export const payment: Decider<Payment, PaymentCommand, PaymentEvent> = {
  initial: { status: 'none' },

  decide: (command, state) => {
    switch (command.type) {
      case 'ProcessPayment':
        // Only where nothing stands. After a refund or a tombstone it comes too late: its saga gave this step up,
        // asked for the undo and has been answered, so it would never hear of the charge.
        return state.status === 'none'
          ? [{ type: 'PaymentStarted', data: { commandId: command.id, ...command.data } }]
          : [];
      case 'RefundPayment':
        return refund(command, state);
      case 'ChargeAnswered':
        return chargeAnswered(command, state);
      case 'RefundAnswered':
        return refundAnswered(command, state);
      case 'ResolvePayment':
        return resolvePayment(command, state);
      default:
        return assertNever(command);
    }
  },

  evolve: (state, event) => {
    switch (event.type) {
      case 'PaymentStarted':
        return { status: 'started', intent: event.data };
      case 'PaymentProcessed': {
        const { chargeId, amount, currency, by, late } = event.data;
        if (late) return 'chargeBy' in state ? { ...state, chargeBy: 'late' } : state;
        return { status: 'processed', charge: { chargeId, amount, currency }, chargeBy: by ?? 'provider' };
      }
      case 'PaymentFailed': {
        const { by, late } = event.data;
        if (late) return 'chargeBy' in state ? { ...state, chargeBy: 'late' } : state;
        return { status: 'failed', chargeBy: by ?? 'provider' };
      }
      case 'RefundStarted': {
        const { commandId, chargeId, amount, currency } = event.data;
        const chargeBy = state.status === 'processed' ? state.chargeBy : 'provider';
        return { status: 'refunding', commandId, charge: { chargeId, amount, currency }, chargeBy };
      }
      case 'PaymentRefunded': {
        const { nothing, by, late } = event.data;
        if (late) return 'refundBy' in state ? { ...state, refundBy: 'late' } : state;
        const chargeBy = 'chargeBy' in state ? state.chargeBy : 'provider';
        return { status: 'refunded', nothing, chargeBy, refundBy: by ?? 'provider' };
      }
      default:
        return assertNever(event);
    }
  },
};

/**
 * Which call is open for a command, if any. An undo that finds the charge without an outcome repeats that charge,
 * under the key of the command that had asked for it, to learn what became of it.
 */
export const pendingPaymentAct = (
  state: Payment,
  asked: Command<'ProcessPayment' | 'RefundPayment'>,
): PaymentAct | undefined => {
  if (state.status === 'started') return { call: 'charge', intent: state.intent };
  if (state.status === 'refunding' && asked.type === 'RefundPayment')
    return { call: 'refund', commandId: state.commandId, charge: state.charge };
  return undefined;
};

const refund = (command: Command<'RefundPayment'>, state: Payment): readonly PaymentEvent[] => {
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
    case 'refunding':
    case 'refunded':
      return [];
    default:
      return assertNever(state);
  }
};

const chargeAnswered = (
  { intent, answer }: Extract<PaymentCommand, { type: 'ChargeAnswered' }>,
  state: Payment,
): readonly PaymentEvent[] => {
  if (state.status === 'none') throw new Error('a charge was answered that no intent had asked for');
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

const refundAnswered = (
  { commandId, charge, refundId }: Extract<PaymentCommand, { type: 'RefundAnswered' }>,
  state: Payment,
): readonly PaymentEvent[] => {
  if (state.status !== 'refunding' && state.status !== 'refunded')
    throw new Error('a refund was answered that no intent had asked for');
  if (state.status === 'refunded' && state.refundBy !== 'person') return [];
  const late = state.status === 'refunding' ? {} : ({ late: true } as const);
  const { amount, currency } = charge;
  return [
    { type: 'PaymentRefunded', data: { commandId, amount, currency, refundId, nothing: false, ...late } },
  ];
};
