import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '@recourse/infra/ports/clock';
import type { AuthorizationAnswer, CaptureRequest, ChargeRequest, VoidRequest } from './gateway.ts';
import type { AuthorizationEntry, CaptureEntry, VoidEntry } from './gateway-books.ts';
import { behaviourOf } from './test-tokens.ts';
import type { Reach } from './unreached-calls.ts';

/**
 * The entries of authorisations, captures and voids. Each function runs in a transaction of the books, and throws
 * where the call did not reach the provider, its answer is lost, or it fits nothing that the books know.
 */
export const authorizationEntries = (database: DatabaseSync, reach: Reach, clock: Clock) => {
  const statements = prepare(database);

  const authorize = (request: ChargeRequest): { answer: AuthorizationAnswer; paymentToken: string } => {
    const { key, orderId, amount, currency, paymentToken } = request;
    const { declines, chargesDown, losesFirstAnswer } = behaviourOf(paymentToken);
    reach(key, chargesDown);
    const accepted = declines === undefined ? 1 : 0;
    const authorizationId = accepted === 1 ? `${authorizationPrefix}${key}` : null;
    const reason = declines ?? null;
    const { changes } = statements.authorize.run(
      key,
      orderId,
      authorizationId,
      amount,
      currency,
      accepted,
      reason,
      clock.now(),
      paymentToken,
    );
    if (changes === 1) {
      if (losesFirstAnswer === true) throw new Error('the connection broke');
      return { answer: answerOf({ accepted, authorizationId, reason }), paymentToken };
    }
    const entry = statements.authorizeAgain.get(key) as AuthorizationEntry;
    if (entry.amount !== amount || entry.currency !== currency)
      throw new Error(`idempotency key ${key} was used for another authorisation`);
    return { answer: answerOf(entry), paymentToken };
  };

  const capture = ({ key, authorizationId, amount, currency }: CaptureRequest) => {
    const { number, paymentToken, ...authorized } = statements.authorizationOf(authorizationId);
    if (amount > authorized.amount || currency !== authorized.currency)
      throw new Error(`of ${authorizationId} there is no ${amount} ${currency} to capture`);
    const { capturesDown, losesCaptureAnswer } = behaviourOf(paymentToken);
    reach(key, capturesDown);
    if (statements.voidOf.get(number) !== undefined) throw new Error(`${authorizationId} was voided`);
    const captureId = `ca_${key}`;
    const { changes } = statements.capture.run(
      number,
      key,
      authorizationId,
      captureId,
      amount,
      currency,
      clock.now(),
    );
    if (changes === 1) {
      if (losesCaptureAnswer === true) throw new Error('the connection broke');
      return { answer: { captureId }, paymentToken };
    }
    const entry = statements.captureAgain.get(key) as CaptureEntry | undefined;
    if (entry?.number !== number || entry.amount !== amount)
      throw new Error(`${authorizationId} or idempotency key ${key} was used for another capture`);
    return { answer: { captureId: entry.captureId }, paymentToken };
  };

  const letGo = ({ key, authorizationId }: VoidRequest) => {
    const { number, paymentToken } = statements.authorizationOf(authorizationId);
    const { voidsDown, losesVoidAnswer } = behaviourOf(paymentToken);
    reach(key, voidsDown);
    if (statements.captureOf.get(number) !== undefined) throw new Error(`${authorizationId} was captured`);
    const voidId = `vo_${key}`;
    const { changes } = statements.void.run(number, key, authorizationId, voidId, clock.now());
    if (changes === 1) {
      if (losesVoidAnswer === true) throw new Error('the connection broke');
      return { answer: { voidId }, paymentToken };
    }
    const entry = statements.voidAgain.get(key) as VoidEntry | undefined;
    if (entry?.number !== number)
      throw new Error(`${authorizationId} or idempotency key ${key} was used for another void`);
    return { answer: { voidId: entry.voidId }, paymentToken };
  };

  return { authorize, capture, void: letGo };
};

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

/** A first call costs one insert; only a repeat looks the entry up. */
const prepare = (database: DatabaseSync) => {
  const authorization = database.prepare('SELECT * FROM authorizations WHERE key = ? AND accepted = 1');
  return {
    authorize: database.prepare(
      `INSERT INTO authorizations
         (key, orderId, authorizationId, amount, currency, accepted, reason, at, paymentToken)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO NOTHING`,
    ),
    authorizeAgain: database.prepare('UPDATE authorizations SET calls = calls + 1 WHERE key = ? RETURNING *'),
    capture: database.prepare(
      `INSERT INTO captures (number, key, authorizationId, captureId, amount, currency, at)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    ),
    captureAgain: database.prepare('UPDATE captures SET calls = calls + 1 WHERE key = ? RETURNING *'),
    captureOf: database.prepare('SELECT 1 FROM captures WHERE number = ?'),
    void: database.prepare(
      'INSERT INTO voids (number, key, authorizationId, voidId, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    voidAgain: database.prepare('UPDATE voids SET calls = calls + 1 WHERE key = ? RETURNING *'),
    voidOf: database.prepare('SELECT 1 FROM voids WHERE number = ?'),
    authorizationOf: (authorizationId: string): AuthorizationEntry => {
      const key = authorizationId.startsWith(authorizationPrefix)
        ? authorizationId.slice(authorizationPrefix.length)
        : '';
      const entry = authorization.get(key) as AuthorizationEntry | undefined;
      if (entry === undefined) throw new Error(`there is no authorisation ${authorizationId}`);
      return entry;
    },
  };
};
