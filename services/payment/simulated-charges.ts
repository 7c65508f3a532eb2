import { enter, find, type Rule, reach } from '@recourse/infra/books-rules';
import type { Clock } from '@recourse/infra/ports/clock';
import type { ChargeAnswer, ChargeRequest, RefundRequest } from './gateway.ts';
import type { ChargeEntry, RefundEntry } from './gateway-books.ts';
import { behaviourOf, unreachable } from './test-tokens.ts';

/** What a call comes to, and the token that says how long it takes. */
export type Answered<T> = { readonly answer: T; readonly paymentToken: string };

/**
 * The rules of charges and refunds. Each throws where the call did not reach the provider, its answer is lost, or it
 * fits nothing that the books know.
 */
export const chargeRules = (clock: Clock) => ({
  *charge(request: ChargeRequest): Rule<Answered<ChargeAnswer>> {
    const { key, orderId, amount, currency, paymentToken } = request;
    const { declines, chargesDown, losesFirstAnswer } = behaviourOf(paymentToken);
    yield* reach(key, chargesDown, unreachable);
    const accepted = declines === undefined ? 1 : 0;
    const chargeId = accepted === 1 ? `${chargePrefix}${key}` : null;
    const reason = declines ?? null;
    const row = { key, orderId, chargeId, amount, currency, accepted, reason, at: clock.now(), paymentToken };
    const known = yield* enter<ChargeEntry>('charges', row);
    if (known === 'entered') {
      if (losesFirstAnswer === true) throw new Error('the connection broke');
      return { answer: answerOf({ accepted, chargeId, reason }), paymentToken };
    }
    if (known?.amount !== amount || known.currency !== currency)
      throw new Error(`idempotency key ${key} was used for another charge`);
    return { answer: answerOf(known), paymentToken };
  },

  *refund({ key, chargeId, amount, currency }: RefundRequest): Rule<Answered<{ refundId: string }>> {
    const charge = yield* chargeOf(chargeId);
    if (charge === undefined || amount > charge.amount || currency !== charge.currency)
      throw new Error(`there is no charge ${chargeId} of which ${amount} ${currency} could be refunded`);
    const { paymentToken } = charge;
    yield* reach(key, behaviourOf(paymentToken).refundsDown, unreachable);
    const refundId = `re_${key}`;
    const row = { key, chargeId, refundId, amount, currency, at: clock.now() };
    const known = yield* enter<RefundEntry>('refunds', row);
    if (known === 'entered') return { answer: { refundId }, paymentToken };
    if (known?.chargeId !== chargeId || known.amount !== amount)
      throw new Error(`idempotency key ${key} was used for another refund`);
    return { answer: { refundId: known.refundId }, paymentToken };
  },
});

const answerOf = ({
  accepted,
  chargeId,
  reason,
}: Pick<ChargeEntry, 'accepted' | 'chargeId' | 'reason'>): ChargeAnswer =>
  accepted === 1 && chargeId !== null
    ? { accepted: true, chargeId }
    : { accepted: false, reason: reason ?? 'declined' };

/** A charge's id says its key, so a charge is found by the one index that there is. */
const chargePrefix = 'ch_';

function* chargeOf(chargeId: string): Rule<ChargeEntry | undefined> {
  if (!chargeId.startsWith(chargePrefix)) return undefined;
  return yield* find<ChargeEntry>('charges', 'key', chargeId.slice(chargePrefix.length));
}
