import type { CommandId } from '@recourse/contracts/ids';
import type { Currency } from '@recourse/contracts/money';
import { assertNever } from '@recourse/infra/assert-never';
import type { ChargeEvent, Money, Payment, ResolvePayment } from './model.ts';

/** What a person found out about a payment that is charged at once. */

/** Of a charge: the answer to ProcessPayment. */
export const resolveCharge = (resolution: ResolvePayment, state: Payment): readonly ChargeEvent[] => {
  const { commandId, outcome, openOutcome } = resolution;
  if (openOutcome !== undefined && openOutcome !== outcome) return [];
  switch (state.status) {
    case 'none': // The command never reached the participant: if it does later, it finds its answer.
      return chargeOutcome(resolution, commandId, outcome === 'PaymentProcessed', resolution);
    case 'started':
      if (state.intent.commandId !== commandId) return [];
      return chargeOutcome(resolution, commandId, outcome === 'PaymentProcessed', state.intent);
    default:
      return [];
  }
};

/** Of a refund: the answer to RefundPayment, behind that of a charge that is open. */
export const resolveRefund = (resolution: ResolvePayment, state: Payment): readonly ChargeEvent[] => {
  const { commandId, openOutcome, currency } = resolution;
  switch (state.status) {
    case 'none':
    case 'failed':
      return openOutcome === 'PaymentProcessed' ? [] : nothingRefunded(resolution, currency);
    case 'started': {
      if (openOutcome === undefined) return [];
      const { intent } = state;
      const processed = openOutcome === 'PaymentProcessed';
      const charge = chargeOutcome(resolution, intent.commandId, processed, intent);
      return processed
        ? [...charge, refunded(resolution, intent)]
        : [...charge, ...nothingRefunded(resolution, intent.currency)];
    }
    case 'refunding':
      if (state.commandId !== commandId) return [];
      return openOutcome === 'PaymentFailed' ? [] : [refunded(resolution, state.charge)];
    case 'processed':
      return openOutcome === 'PaymentFailed' ? [] : [refunded(resolution, state.charge)];
    case 'refunded':
    case 'authorizing':
    case 'authorized':
    case 'unauthorized':
    case 'capturing':
    case 'captured':
    case 'voiding':
    case 'voided':
      return [];
    default:
      return assertNever(state);
  }
};

const signed = ({ reference, note }: ResolvePayment) => ({ by: 'person', reference, note }) as const;

const chargeOutcome = (
  resolution: ResolvePayment,
  commandId: CommandId,
  processed: boolean,
  { amount, currency }: Pick<ResolvePayment, 'amount' | 'currency'>,
): readonly ChargeEvent[] => {
  if (!processed)
    return [
      { type: 'PaymentFailed', data: { commandId, reason: 'settled-by-person', ...signed(resolution) } },
    ];
  if (amount === undefined || currency === undefined) return [];
  const chargeId = resolution.reference;
  return [
    { type: 'PaymentProcessed', data: { commandId, chargeId, amount, currency, ...signed(resolution) } },
  ];
};

const refunded = (resolution: ResolvePayment, { amount, currency }: Money): ChargeEvent => ({
  type: 'PaymentRefunded',
  data: {
    commandId: resolution.commandId,
    amount,
    currency,
    refundId: resolution.reference,
    nothing: false,
    ...signed(resolution),
  },
});

const nothingRefunded = (
  resolution: ResolvePayment,
  currency: Currency | undefined,
): readonly ChargeEvent[] => {
  if (currency === undefined) return [];
  const { commandId } = resolution;
  return [
    {
      type: 'PaymentRefunded',
      data: { commandId, amount: 0, currency, nothing: true, ...signed(resolution) },
    },
  ];
};
