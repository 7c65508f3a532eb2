import { assertNever } from '@recourse/infra/assert-never';
import type { Decider } from '@recourse/infra/decider';
import {
  authorizationAnswered,
  capture,
  captureAnswered,
  evolveAuthorization,
  voidAnswered,
  voidPayment,
} from './authorization.ts';
import { chargeAnswered, evolveCharge, refund, refundAnswered } from './charge.ts';
import type { Payment, PaymentAct, PaymentAsked, PaymentCommand, PaymentEvent } from './model.ts';
import { resolvePayment } from './resolve.ts';

/**
 * See `Payment`. It knows both ways: money that is charged at once and refunded, and money that is authorised first,
 * then captured or voided. Which one an order goes is for its saga.
 */
export const payment: Decider<Payment, PaymentCommand, PaymentEvent> = {
  initial: { status: 'none' },

  decide: (command, state) => {
    switch (command.type) {
      // Both only where nothing stands. After an undo or a tombstone they come too late: their saga gave this step
      // up, asked for the undo and has been answered, so it would never hear of the money.
      case 'ProcessPayment':
        return state.status === 'none'
          ? [{ type: 'PaymentStarted', data: { commandId: command.id, ...command.data } }]
          : [];
      case 'AuthorizePayment':
        return state.status === 'none'
          ? [{ type: 'AuthorizationStarted', data: { commandId: command.id, ...command.data } }]
          : [];
      case 'RefundPayment':
        return refund(command, state);
      case 'CapturePayment':
        return capture(command, state);
      case 'VoidPayment':
        return voidPayment(command, state);
      case 'ChargeAnswered':
        return chargeAnswered(command, state);
      case 'RefundAnswered':
        return refundAnswered(command, state);
      case 'AuthorizationAnswered':
        return authorizationAnswered(command, state);
      case 'CaptureAnswered':
        return captureAnswered(command, state);
      case 'VoidAnswered':
        return voidAnswered(command, state);
      case 'ResolvePayment':
        return resolvePayment(command, state);
      default:
        return assertNever(command);
    }
  },

  evolve: (state, event) => {
    switch (event.type) {
      case 'PaymentStarted':
      case 'PaymentProcessed':
      case 'PaymentFailed':
      case 'RefundStarted':
      case 'PaymentRefunded':
        return evolveCharge(state, event);
      case 'AuthorizationStarted':
      case 'PaymentAuthorized':
      case 'AuthorizationFailed':
      case 'CaptureStarted':
      case 'PaymentCaptured':
      case 'VoidStarted':
      case 'PaymentVoided':
        return evolveAuthorization(state, event);
      default:
        return assertNever(event);
    }
  },
};

/**
 * Which call is open for a command, if any. Whatever finds the charge or the authorisation without an outcome repeats
 * that call, under the key of the command that had asked for it, to learn what became of it.
 */
export const pendingPaymentAct = (state: Payment, asked: PaymentAsked): PaymentAct | undefined => {
  switch (state.status) {
    case 'started':
      return { call: 'charge', intent: state.intent };
    case 'authorizing':
      return { call: 'authorize', intent: state.intent };
    case 'refunding':
      return asked.type === 'RefundPayment'
        ? { call: 'refund', commandId: state.commandId, charge: state.charge }
        : undefined;
    case 'capturing':
      return asked.type === 'CapturePayment' ? { call: 'capture', intent: state.intent } : undefined;
    case 'voiding':
      return asked.type === 'VoidPayment'
        ? { call: 'void', commandId: state.commandId, authorizationId: state.authorizationId }
        : undefined;
    default:
      return undefined;
  }
};
