import type { OrderId } from '@recourse/contracts/ids';
import { type Attempt, callMsMax, settle, threeMoves } from '@recourse/infra/act';
import { deciderStore } from '@recourse/infra/decider';
import type { ConsumerGroup, Message } from '@recourse/infra/ports/broker';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Logger } from 'pino';
import type { PaymentGateway } from './gateway.ts';
import type { PaymentAct, PaymentCommand, PaymentResolution } from './model.ts';
import { payment, pendingPaymentAct } from './payment.ts';

/** The participant `payment`: charges and refunds, in three moves (see `threeMoves`). */
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
    if (act.call === 'charge') {
      const { intent } = act;
      const { commandId: key, amount, currency, paymentToken } = intent;
      const answer = await attempt((signal) =>
        gateway.charge({ key, orderId, amount, currency, paymentToken, signal }),
      );
      return { type: 'ChargeAnswered', intent, answer };
    }
    const { commandId, charge } = act;
    const { refundId } = await attempt((signal) => gateway.refund({ key: commandId, ...charge, signal }));
    return { type: 'RefundAnswered', commandId, charge, refundId };
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
        if (message.type !== 'ProcessPayment' && message.type !== 'RefundPayment')
          throw new Error(`payment.commands does not carry ${message.type}`);
        await obey(message.key, message);
      },
    },

    resolve: async (orderId, resolution) => {
      const command = { type: 'ResolvePayment', ...resolution } as const;
      const recorded = await settle(store, payment, orderId, command, resolution.commandId);
      return recorded ? 'recorded' : 'not-resolvable';
    },
  };
};
