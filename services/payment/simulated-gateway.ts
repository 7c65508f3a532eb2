import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { openBooks } from '@recourse/infra/simulated-books';
import type { ChargeAnswer, ChargeRequest, PaymentGateway, RefundRequest } from './gateway.ts';
import { type ChargeEntry, gatewayBooksSchema, type RefundEntry } from './gateway-books.ts';
import { behaviourOf } from './test-tokens.ts';

/** A payment provider for trying things out: no money moves, but its books are kept. */
export type SimulatedGateway = PaymentGateway & {
  /** Writes what is queued and closes the books; calls that still wait for their answer are rejected. */
  close(): void;
};

/**
 * Opens the simulated gateway over books of its own (`gatewayBooksSchema`), which several processes may share and
 * which survive all of them. What it does follows from the payment token (`testTokens`). `latencyMs` passes between an
 * entry in the books and its answer, `slowMs` for slow tokens. Throws where the file cannot be opened.
 */
export const openSimulatedGateway = ({
  path,
  clock,
  latencyMs = 0,
  slowMs = 3_000,
}: {
  readonly path: string;
  readonly clock: Clock;
  readonly latencyMs?: number;
  readonly slowMs?: number;
}): SimulatedGateway => {
  const books = openBooks(path, gatewayBooksSchema);
  const closing = new AbortController();
  const statements = prepare(books.database);

  const enterCharge = ({ key, orderId, amount, currency, paymentToken }: ChargeRequest): Charged => {
    const { declines, chargesDown, losesFirstAnswer } = behaviourOf(paymentToken);
    statements.reach(key, chargesDown);
    const chargeId = declines === undefined ? `${chargePrefix}${key}` : null;
    const accepted = declines === undefined ? 1 : 0;
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
      return { accepted, chargeId, reason };
    }
    const entry = statements.chargeAgain.get(key) as ChargeEntry;
    if (entry.amount !== amount || entry.currency !== currency)
      throw new Error(`idempotency key ${key} was used for another charge`);
    return entry;
  };

  const enterRefund = ({ key, chargeId, amount, currency }: RefundRequest): [RefundEntry, ChargeEntry] => {
    const charge = statements.chargeOf(chargeId);
    if (charge === undefined || amount > charge.amount || currency !== charge.currency)
      throw new Error(`there is no charge ${chargeId} of which ${amount} ${currency} could be refunded`);
    statements.reach(key, behaviourOf(charge.paymentToken).refundsDown);
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
    return [entry, charge];
  };

  const travel = async (paymentToken: string, signal: AbortSignal): Promise<void> => {
    const ms = behaviourOf(paymentToken).slow === true ? slowMs : latencyMs;
    if (ms <= 0) return;
    const gone = AbortSignal.any([signal, closing.signal]);
    await sleep(clock, ms, gone);
    if (gone.aborted) throw new Error('nobody waited for the answer');
  };

  return {
    charge: async (request): Promise<ChargeAnswer> => {
      const { accepted, chargeId, reason } = await books.write(() => enterCharge(request));
      await travel(request.paymentToken, request.signal);
      return accepted === 1 && chargeId !== null
        ? { accepted: true, chargeId }
        : { accepted: false, reason: reason ?? 'declined' };
    },
    refund: async (request) => {
      const [{ refundId }, { paymentToken }] = await books.write(() => enterRefund(request));
      await travel(paymentToken, request.signal);
      return { refundId };
    },
    close: () => {
      closing.abort();
      books.close();
    },
  };
};

/** What an entry of `charges` answers. */
type Charged = Pick<ChargeEntry, 'accepted' | 'chargeId' | 'reason'>;

/** A charge's id says its key, so a charge is found by the one index that there is. */
const chargePrefix = 'ch_';

/** A first call costs one insert; only a repeat looks the entry up. */
const prepare = (database: ReturnType<typeof openBooks>['database']) => {
  const unreached = database.prepare(
    'INSERT INTO unreached VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET calls = calls + 1 RETURNING calls',
  );
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
    /** Counts a call that has to get through so many failures first; throws while it does not. */
    reach: (key: string, downCalls = 0): void => {
      if (downCalls === 0) return;
      const { calls } = unreached.get(key) as { calls: number };
      if (calls <= downCalls) throw new Error('the provider cannot be reached');
    },
  };
};
