import type { Rule, RuledBooks } from '@recourse/infra/books-rules';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import type { Postgres } from '@recourse/infra/postgres/connect';
import { openPostgresBooks } from '@recourse/infra/postgres-books';
import { openRuledBooks } from '@recourse/infra/simulated-books';
import type { PaymentGateway } from './gateway.ts';
import { gatewayBooksSchema, gatewayTables } from './gateway-books.ts';
import { authorizationRules } from './simulated-authorizations.ts';
import { type Answered, chargeRules } from './simulated-charges.ts';
import { behaviourOf } from './test-tokens.ts';

/** A payment provider for trying things out: no money moves, but its books are kept. */
export type SimulatedGateway = PaymentGateway & {
  /** Writes what is queued and closes the books; calls that still wait for their answer are rejected. */
  close(): void;
};

/** How long the simulated provider takes. */
type Latency = {
  /** Passes between an entry in the books and its answer. Default: 0. */
  readonly latencyMs?: number;
  /** The same for slow tokens. Default: 3,000. */
  readonly slowMs?: number;
};

/**
 * Opens the simulated gateway over books of its own (`gatewayBooksSchema`) in a file, which several processes may
 * share and which survive all of them. What it does follows from the payment token (`testTokens`). Throws where the
 * file cannot be opened.
 */
export const openSimulatedGateway = ({
  path,
  clock,
  ...latency
}: Latency & { readonly path: string; readonly clock: Clock }): SimulatedGateway => {
  const books = openRuledBooks(path, gatewayBooksSchema, gatewayTables);
  const { gateway, giveUp } = gatewayOver(books, clock, latency);
  return {
    ...gateway,
    close: () => {
      giveUp();
      books.close();
    },
  };
};

/**
 * The same over books in PostgreSQL, whose tables the migrations make: any number of processes share them. `close`
 * resolves when what was being written is written; it leaves the pool open.
 */
export const openPostgresGateway = ({
  postgres,
  clock,
  ...latency
}: Latency & { readonly postgres: Postgres; readonly clock: Clock }): PaymentGateway & {
  close(): Promise<void>;
} => {
  const books = openPostgresBooks(postgres, gatewayTables);
  const { gateway, giveUp } = gatewayOver(books, clock, latency);
  return {
    ...gateway,
    close: async () => {
      giveUp();
      await books.close();
    },
  };
};

/** The provider, wherever its books are. */
const gatewayOver = (books: RuledBooks, clock: Clock, { latencyMs = 0, slowMs = 3_000 }: Latency) => {
  const closing = new AbortController();
  const rules = { ...chargeRules(clock), ...authorizationRules(clock) };

  /** Carries out a rule, then lets the time pass that the call of such a token takes. */
  const call = async <T>(signal: AbortSignal, rule: () => Rule<Answered<T>>): Promise<T> => {
    const { answer, paymentToken } = await books.carryOut(rule, signal);
    const ms = behaviourOf(paymentToken).slow === true ? slowMs : latencyMs;
    if (ms <= 0) return answer;
    const gone = AbortSignal.any([signal, closing.signal]);
    await sleep(clock, ms, gone);
    if (gone.aborted) throw new Error('nobody waited for the answer');
    return answer;
  };

  const gateway: PaymentGateway = {
    charge: (request) => call(request.signal, () => rules.charge(request)),
    refund: (request) => call(request.signal, () => rules.refund(request)),
    authorize: (request) => call(request.signal, () => rules.authorize(request)),
    capture: (request) => call(request.signal, () => rules.capture(request)),
    void: (request) => call(request.signal, () => rules.void(request)),
  };
  return { gateway, giveUp: () => closing.abort() };
};
