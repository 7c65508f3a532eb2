import type { CommandId } from '@recourse/contracts/ids';
import type { Currency } from '@recourse/contracts/money';
import { assertNever } from '@recourse/infra/assert-never';
import type { Charge, Payment, PaymentEvent, ResolvePayment } from './model.ts';

/**
 * The outcome of the open step first, if there is one, then the answer, all to be appended together. None where the
 * resolution does not fit what the log holds: another command, a step that has its outcome, or a contradiction.
 */
export const resolvePayment = (resolution: ResolvePayment, state: Payment): readonly PaymentEvent[] =>
  resolution.outcome === 'PaymentRefunded'
    ? resolveRefund(resolution, state)
    : resolveCharge(resolution, state);

const resolveCharge = (resolution: ResolvePayment, state: Payment): readonly PaymentEvent[] => {
  const { commandId, outcome, openOutcome } = resolution;
  if (openOutcome !== undefined && openOutcome !== outcome) return [];
  switch (state.status) {
    case 'none': // The command never reached the participant: if it does later, it finds its answer.
      return chargeOutcome(resolution, commandId, outcome === 'PaymentProcessed', resolution);
    case 'started':
      if (state.intent.commandId !== commandId) return [];
      return chargeOutcome(resolution, commandId, outcome === 'PaymentProcessed', state.intent);
    case 'processed':
    case 'failed':
    case 'refunding':
    case 'refunded':
      return [];
    default:
      return assertNever(state);
  }
};

const resolveRefund = (resolution: ResolvePayment, state: Payment): readonly PaymentEvent[] => {
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
  { amount, currency }: { readonly amount?: number | undefined; readonly currency?: Currency | undefined },
): readonly PaymentEvent[] => {
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

const refunded = (
  resolution: ResolvePayment,
  { amount, currency }: Omit<Charge, 'chargeId'>,
): PaymentEvent => ({
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
): readonly PaymentEvent[] => {
  if (currency === undefined) return [];
  const { commandId } = resolution;
  return [
    {
      type: 'PaymentRefunded',
      data: { commandId, amount: 0, currency, nothing: true, ...signed(resolution) },
    },
  ];
};
