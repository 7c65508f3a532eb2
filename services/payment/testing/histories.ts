import type { CommandId, PaymentToken } from '@recourse/contracts/ids';
import type { Payment, PaymentEvent, PaymentResolution } from '../model.ts';
import { payment } from '../payment.ts';

/** What the tests of the payment decider are made of: the events of a charge, and what becomes of events. */

export const pay = '00000000-0000-4000-8000-00000000000d' as CommandId;
export const giveBack = '00000000-0000-4000-8000-00000000000e' as CommandId;
export const money = { amount: 500, currency: 'GBP' };
export const paymentToken = 'tok_accepted' as PaymentToken;
export const byPerson = { by: 'person', reference: 'ref', note: 'told on the phone' } as const;

export const chargeStarted: PaymentEvent = {
  type: 'PaymentStarted',
  data: { commandId: pay, ...money, paymentToken },
};
export const charged: PaymentEvent = {
  type: 'PaymentProcessed',
  data: { commandId: pay, chargeId: 'ch', ...money },
};
export const chargeFailed: PaymentEvent = {
  type: 'PaymentFailed',
  data: { commandId: pay, reason: 'card-declined' },
};
export const refundStarted: PaymentEvent = {
  type: 'RefundStarted',
  data: { commandId: giveBack, chargeId: 'ch', ...money },
};
export const refunded: PaymentEvent = {
  type: 'PaymentRefunded',
  data: { commandId: giveBack, ...money, refundId: 're', nothing: false },
};
export const refundTombstone: PaymentEvent = {
  type: 'PaymentRefunded',
  data: { commandId: giveBack, amount: 0, currency: 'GBP', nothing: true },
};

/** The same event, said by a person. */
export const settled = (event: PaymentEvent): PaymentEvent =>
  ({ ...event, data: { ...event.data, ...byPerson } }) as PaymentEvent;

/** The same event, heard when a person had settled the step already. */
export const late = (event: PaymentEvent): PaymentEvent =>
  ({ ...event, data: { ...event.data, late: true } }) as PaymentEvent;

export const fold = (events: readonly PaymentEvent[]): Payment =>
  events.reduce(payment.evolve, payment.initial);

/** What it comes to when a person resolves the command after one of these histories. */
export const resolving =
  <Name extends string>(histories: Readonly<Record<Name, readonly PaymentEvent[]>>) =>
  (
    history: Name,
    commandId: CommandId,
    outcome: PaymentResolution['outcome'],
    more: Partial<PaymentResolution> = {},
  ): readonly PaymentEvent[] => {
    const { reference, note } = byPerson;
    return payment.decide(
      { type: 'ResolvePayment', commandId, outcome, reference, note, ...more },
      fold(histories[history]),
    );
  };
