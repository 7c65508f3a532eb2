import type { RuledBooks } from '@recourse/infra/books-rules';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import type { Postgres } from '@recourse/infra/postgres/connect';
import { openPostgresBooks } from '@recourse/infra/postgres-books';
import { openRuledBooks } from '@recourse/infra/simulated-books';
import type { Carrier } from './carrier.ts';
import { carrierBooksSchema, carrierTables } from './carrier-books.ts';
import { shipmentRules } from './simulated-shipments.ts';
import { carrierBehaviour, servedCountriesDefault } from './test-countries.ts';

/** A carrier for trying things out: no parcel moves, but its books are kept. */
export type SimulatedCarrier = Carrier & {
  /** Writes what is queued and closes the books; calls that still wait for their answer are rejected. */
  close(): void;
};

/** How the simulated carrier behaves, besides what a country makes happen. */
type Manner = {
  /** Passes between an entry in the books and its answer. Default: 0. */
  readonly latencyMs?: number;
  /** The same for slow countries. Default: 3,000. */
  readonly slowMs?: number;
  /** `*` among them serves every country. */
  readonly servedCountries?: readonly string[];
};

/**
 * Opens the simulated carrier over books of its own (`carrierBooksSchema`) in a file, which several processes may
 * share and which survive all of them. What it does follows from the country: served, not served, or one of
 * `testCountries`. Throws where the file cannot be opened.
 */
export const openSimulatedCarrier = ({
  path,
  clock,
  ...manner
}: Manner & { readonly path: string; readonly clock: Clock }): SimulatedCarrier => {
  const books = openRuledBooks(path, carrierBooksSchema, carrierTables);
  const { carrier, giveUp } = carrierOver(books, clock, manner);
  return {
    ...carrier,
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
export const openPostgresCarrier = ({
  postgres,
  clock,
  ...manner
}: Manner & { readonly postgres: Postgres; readonly clock: Clock }): Carrier & { close(): Promise<void> } => {
  const books = openPostgresBooks(postgres, carrierTables);
  const { carrier, giveUp } = carrierOver(books, clock, manner);
  return {
    ...carrier,
    close: async () => {
      giveUp();
      await books.close();
    },
  };
};

/** The carrier, wherever its books are. */
const carrierOver = (
  books: RuledBooks,
  clock: Clock,
  { latencyMs = 0, slowMs = 3_000, servedCountries = servedCountriesDefault }: Manner,
) => {
  const closing = new AbortController();
  const behaviourOf = carrierBehaviour(servedCountries);
  const rules = shipmentRules(behaviourOf, clock);

  const travel = async (slow: boolean, signal: AbortSignal): Promise<void> => {
    const ms = slow ? slowMs : latencyMs;
    if (ms <= 0) return;
    const gone = AbortSignal.any([signal, closing.signal]);
    await sleep(clock, ms, gone);
    if (gone.aborted) throw new Error('nobody waited for the answer');
  };

  const carrier: Carrier = {
    ship: async (request) => {
      const answer = await books.carryOut(() => rules.ship(request), request.signal);
      await travel(behaviourOf(request.country).slow === true, request.signal);
      return answer;
    },
    cancel: async (request) => {
      const answer = await books.carryOut(() => rules.cancel(request), request.signal);
      await travel(false, request.signal);
      return answer;
    },
  };
  return { carrier, giveUp: () => closing.abort() };
};
