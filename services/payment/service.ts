import type { OrderId } from '@recourse/contracts/ids';
import { type Attempt, callMsMax, settle, threeMoves } from '@recourse/infra/act';
import { assertNever } from '@recourse/infra/assert-never';
import { deciderStore } from '@recourse/infra/decider';
import type { ConsumerGroup, Message } from '@recourse/infra/ports/broker';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Logger } from 'pino';
import type { ChargeRequest, PaymentGateway } from './gateway.ts';
import {
  type Intent,
  type PaymentAct,
  type PaymentAsked,
  type PaymentCommand,
  type PaymentResolution,
  paymentCommands,
} from './model.ts';
import { payment, pendingPaymentAct } from './payment.ts';

/** The participant `payment`: all that it asks of the provider it does in three moves (see `threeMoves`). */
export type PaymentService = {
  readonly group: ConsumerGroup;
  /**
   * Records what a person found out, in one append. `not-resolvable` where it does not fit what the log holds.
   * Rejects as the log does.
   */
  resolve(orderId: OrderId, resolution: PaymentResolution): Promise<'recorded' | 'not-resolvable'>;
};

/** Wires the payment decider to the log and to a gateway; `callMsMax` bounds each call, in milliseconds. */
export const paymentService = (deps: {
  readonly log: EventLog;
  readonly gateway: PaymentGateway;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly callMsMax?: number;
}): PaymentService => {
  const { log, gateway, clock, logger } = deps;
  const store = deciderStore(log, 'payment', payment);

  const perform = async (act: PaymentAct, orderId: OrderId, attempt: Attempt): Promise<PaymentCommand> => {
    switch (act.call) {
      case 'charge': {
        const { intent } = act;
        const answer = await attempt((signal) => gateway.charge(request(intent, orderId, signal)));
        return { type: 'ChargeAnswered', intent, answer };
      }
      case 'refund': {
        const { commandId, charge } = act;
        const { refundId } = await attempt((signal) => gateway.refund({ key: commandId, ...charge, signal }));
        return { type: 'RefundAnswered', commandId, charge, refundId };
      }
      case 'authorize': {
        const { intent } = act;
        const answer = await attempt((signal) => gateway.authorize(request(intent, orderId, signal)));
        return { type: 'AuthorizationAnswered', intent, answer };
      }
      case 'capture': {
        const { intent } = act;
        const { commandId: key, authorizationId, amount, currency } = intent;
        const { captureId } = await attempt((signal) =>
          gateway.capture({ key, authorizationId, amount, currency, signal }),
        );
        return { type: 'CaptureAnswered', intent, captureId };
      }
      case 'void': {
        const { commandId: key, authorizationId } = act;
        const { voidId } = await attempt((signal) => gateway.void({ key, authorizationId, signal }));
        return { type: 'VoidAnswered', commandId: key, voidId };
      }
      default:
        return assertNever(act);
    }
  };

  const obey = threeMoves({
    store,
    pendingAct: pendingPaymentAct,
    perform,
    clock,
    logger,
    callMsMax: deps.callMsMax ?? callMsMax,
  });

  return {
    group: {
      group: 'payment',
      topics: ['payment.commands'],
      handle: async (message: Message) => {
        if (!isPayment(message)) throw new Error(`payment.commands does not carry ${message.type}`);
        await obey(message.key, message);
      },
      onAssigned: async () => store.forget(),
    },

    resolve: async (orderId, resolution) => {
      const command = { type: 'ResolvePayment', ...resolution } as const;
      const recorded = await settle(store, payment, orderId, command, resolution.commandId);
      return recorded ? 'recorded' : 'not-resolvable';
    },
  };
};

const known: ReadonlySet<string> = new Set(paymentCommands);

const isPayment = (message: Message): message is Message & PaymentAsked => known.has(message.type);

/** A charge or an authorisation is asked for in the same words. */
const request = (
  { commandId: key, amount, currency, paymentToken }: Intent,
  orderId: OrderId,
  signal: AbortSignal,
): ChargeRequest => ({ key, orderId, amount, currency, paymentToken, signal });
