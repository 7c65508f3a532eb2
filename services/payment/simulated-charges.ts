import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '@recourse/infra/ports/clock';
import type { ChargeAnswer, ChargeRequest, RefundRequest } from './gateway.ts';
import type { ChargeEntry, RefundEntry } from './gateway-books.ts';
import { behaviourOf } from './test-tokens.ts';
import type { Reach } from './unreached-calls.ts';

/**
 * The entries of charges and refunds. Each function runs in a transaction of the books, and throws where the call did
 * not reach the provider, its answer is lost, or it fits nothing that the books know.
 */
export const chargeEntries = (database: DatabaseSync, reach: Reach, clock: Clock) => {
  const statements = prepare(database);

  const charge = (request: ChargeRequest): { answer: ChargeAnswer; paymentToken: string } => {
    const { key, orderId, amount, currency, paymentToken } = request;
    const { declines, chargesDown, losesFirstAnswer } = behaviourOf(paymentToken);
    reach(key, chargesDown);
    const accepted = declines === undefined ? 1 : 0;
    const chargeId = accepted === 1 ? `${chargePrefix}${key}` : null;
    const reason = declines ?? null;
    const { changes } = statements.charge.run(
      key,
      orderId,
      chargeId,
      amount,
      currency,
      accepted,
      reason,
      clock.now(),
      paymentToken,
    );
    if (changes === 1) {
      if (losesFirstAnswer === true) throw new Error('the connection broke');
      return { answer: answerOf({ accepted, chargeId, reason }), paymentToken };
    }
    const entry = statements.chargeAgain.get(key) as ChargeEntry;
    if (entry.amount !== amount || entry.currency !== currency)
      throw new Error(`idempotency key ${key} was used for another charge`);
    return { answer: answerOf(entry), paymentToken };
  };

  const refund = ({ key, chargeId, amount, currency }: RefundRequest) => {
    const charge = statements.chargeOf(chargeId);
    if (charge === undefined || amount > charge.amount || currency !== charge.currency)
      throw new Error(`there is no charge ${chargeId} of which ${amount} ${currency} could be refunded`);
    reach(key, behaviourOf(charge.paymentToken).refundsDown);
    const entry = statements.refund.get(
      key,
      chargeId,
      `re_${key}`,
      amount,
      currency,
      clock.now(),
    ) as RefundEntry;
    if (entry.chargeId !== chargeId || entry.amount !== amount)
      throw new Error(`idempotency key ${key} was used for another refund`);
    return { answer: { refundId: entry.refundId }, paymentToken: charge.paymentToken };
  };

  return { charge, refund };
};

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

/** A first call costs one insert; only a repeat looks the entry up. */
const prepare = (database: DatabaseSync) => {
  const charge = database.prepare('SELECT * FROM charges WHERE key = ?');
  return {
    charge: database.prepare(
      `INSERT INTO charges (key, orderId, chargeId, amount, currency, accepted, reason, at, paymentToken)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO NOTHING`,
    ),
    chargeAgain: database.prepare('UPDATE charges SET calls = calls + 1 WHERE key = ? RETURNING *'),
    refund: database.prepare(
      `INSERT INTO refunds (key, chargeId, refundId, amount, currency, at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET calls = calls + 1
       RETURNING chargeId, refundId, amount, calls`,
    ),
    chargeOf: (chargeId: string): ChargeEntry | undefined =>
      chargeId.startsWith(chargePrefix)
        ? (charge.get(chargeId.slice(chargePrefix.length)) as ChargeEntry | undefined)
        : undefined,
  };
};
