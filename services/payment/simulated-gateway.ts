import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { openBooks } from '@recourse/infra/simulated-books';
import type { PaymentGateway } from './gateway.ts';
import { gatewayBooksSchema } from './gateway-books.ts';
import { authorizationEntries } from './simulated-authorizations.ts';
import { chargeEntries } from './simulated-charges.ts';
import { behaviourOf } from './test-tokens.ts';
import { unreachedCalls } from './unreached-calls.ts';

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
  const reach = unreachedCalls(books.database);
  const charges = chargeEntries(books.database, reach, clock);
  const authorizations = authorizationEntries(books.database, reach, clock);

  /** Makes an entry, then lets the time pass that the call of such a token takes. */
  const answered = async <T>(
    signal: AbortSignal,
    enter: () => { readonly answer: T; readonly paymentToken: string },
  ): Promise<T> => {
    const { answer, paymentToken } = await books.write(enter);
    const ms = behaviourOf(paymentToken).slow === true ? slowMs : latencyMs;
    if (ms <= 0) return answer;
    const gone = AbortSignal.any([signal, closing.signal]);
    await sleep(clock, ms, gone);
    if (gone.aborted) throw new Error('nobody waited for the answer');
    return answer;
  };

  return {
    charge: (request) => answered(request.signal, () => charges.charge(request)),
    refund: (request) => answered(request.signal, () => charges.refund(request)),
    authorize: (request) => answered(request.signal, () => authorizations.authorize(request)),
    capture: (request) => answered(request.signal, () => authorizations.capture(request)),
    void: (request) => answered(request.signal, () => authorizations.void(request)),
    close: () => {
      closing.abort();
      books.close();
    },
  };
};
