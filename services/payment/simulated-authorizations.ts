import { enter, find, type Rule, reach } from '@recourse/infra/books-rules';
import type { Clock } from '@recourse/infra/ports/clock';
import type { AuthorizationAnswer, CaptureRequest, ChargeRequest, VoidRequest } from './gateway.ts';
import type { AuthorizationEntry, CaptureEntry, VoidEntry } from './gateway-books.ts';
import type { Answered } from './simulated-charges.ts';
import { behaviourOf, unreachable } from './test-tokens.ts';

/**
 * The rules of authorisations, captures and voids. Each throws where the call did not reach the provider, its answer
 * is lost, or it fits nothing that the books know.
 */
export const authorizationRules = (clock: Clock) => ({
  *authorize(request: ChargeRequest): Rule<Answered<AuthorizationAnswer>> {
    const { key, orderId, amount, currency, paymentToken } = request;
    const { declines, chargesDown, losesFirstAnswer } = behaviourOf(paymentToken);
    yield* reach(key, chargesDown, unreachable);
    const accepted = declines === undefined ? 1 : 0;
    const authorizationId = accepted === 1 ? `${authorizationPrefix}${key}` : null;
    const reason = declines ?? null;
    const money = { amount, currency, accepted, reason, at: clock.now(), paymentToken };
    const known = yield* enter<AuthorizationEntry>('authorizations', {
      key,
      orderId,
      authorizationId,
      ...money,
    });
    if (known === 'entered') {
      if (losesFirstAnswer === true) throw new Error('the connection broke');
      return { answer: answerOf({ accepted, authorizationId, reason }), paymentToken };
    }
    if (known?.amount !== amount || known.currency !== currency)
      throw new Error(`idempotency key ${key} was used for another authorisation`);
    return { answer: answerOf(known), paymentToken };
  },

  *capture(request: CaptureRequest): Rule<Answered<{ captureId: string }>> {
    const { key, authorizationId, amount, currency } = request;
    const { number, paymentToken, ...authorized } = yield* authorizationOf(authorizationId);
    if (amount > authorized.amount || currency !== authorized.currency)
      throw new Error(`of ${authorizationId} there is no ${amount} ${currency} to capture`);
    const { capturesDown, losesCaptureAnswer } = behaviourOf(paymentToken);
    yield* reach(key, capturesDown, unreachable);
    if ((yield* find('voids', 'number', number)) !== undefined)
      throw new Error(`${authorizationId} was voided`);
    const captureId = `ca_${key}`;
    const row = { number, key, authorizationId, captureId, amount, currency, at: clock.now() };
    const known = yield* enter<CaptureEntry>('captures', row);
    if (known === 'entered') {
      if (losesCaptureAnswer === true) throw new Error('the connection broke');
      return { answer: { captureId }, paymentToken };
    }
    if (known?.number !== number || known.amount !== amount)
      throw new Error(`${authorizationId} or idempotency key ${key} was used for another capture`);
    return { answer: { captureId: known.captureId }, paymentToken };
  },

  *void({ key, authorizationId }: VoidRequest): Rule<Answered<{ voidId: string }>> {
    const { number, paymentToken } = yield* authorizationOf(authorizationId);
    const { voidsDown, losesVoidAnswer } = behaviourOf(paymentToken);
    yield* reach(key, voidsDown, unreachable);
    if ((yield* find('captures', 'number', number)) !== undefined)
      throw new Error(`${authorizationId} was captured`);
    const voidId = `vo_${key}`;
    const known = yield* enter<VoidEntry>('voids', { number, key, authorizationId, voidId, at: clock.now() });
    if (known === 'entered') {
      if (losesVoidAnswer === true) throw new Error('the connection broke');
      return { answer: { voidId }, paymentToken };
    }
    if (known?.number !== number)
      throw new Error(`${authorizationId} or idempotency key ${key} was used for another void`);
    return { answer: { voidId: known.voidId }, paymentToken };
  },
});

const answerOf = ({
  accepted,
  authorizationId,
  reason,
}: Pick<AuthorizationEntry, 'accepted' | 'authorizationId' | 'reason'>): AuthorizationAnswer =>
  accepted === 1 && authorizationId !== null
    ? { accepted: true, authorizationId }
    : { accepted: false, reason: reason ?? 'declined' };

/** An authorisation's id says its key, so it is found by the one index that there is. */
const authorizationPrefix = 'au_';

function* authorizationOf(authorizationId: string): Rule<AuthorizationEntry> {
  const key = authorizationId.startsWith(authorizationPrefix)
    ? authorizationId.slice(authorizationPrefix.length)
    : '';
  const entry = yield* find<AuthorizationEntry>('authorizations', 'key', key);
  if (entry?.accepted !== 1) throw new Error(`there is no authorisation ${authorizationId}`);
  return entry;
}
