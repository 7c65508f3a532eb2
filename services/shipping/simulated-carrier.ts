import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { openBooks } from '@recourse/infra/simulated-books';
import type { CancelAnswer, CancelRequest, Carrier, ShipAnswer, ShipRequest } from './carrier.ts';
import { type CancellationEntry, carrierBooksSchema, type ShipmentEntry } from './carrier-books.ts';
import { carrierBehaviour, servedCountriesDefault } from './test-countries.ts';

/** A carrier for trying things out: no parcel moves, but its books are kept. */
export type SimulatedCarrier = Carrier & {
  /** Writes what is queued and closes the books; calls that still wait for their answer are rejected. */
  close(): void;
};

/**
 * Opens the simulated carrier over books of its own (`carrierBooksSchema`), which several processes may share and
 * which survive all of them. What it does follows from the country: served, not served, or one of `testCountries`.
 * `latencyMs` passes between an entry in the books and its answer, `slowMs` for slow countries. Throws where the file
 * cannot be opened.
 */
export const openSimulatedCarrier = ({
  path,
  clock,
  latencyMs = 0,
  slowMs = 3_000,
  servedCountries = servedCountriesDefault,
}: {
  readonly path: string;
  readonly clock: Clock;
  readonly latencyMs?: number;
  readonly slowMs?: number;
  /** `*` among them serves every country. */
  readonly servedCountries?: readonly string[];
}): SimulatedCarrier => {
  const books = openBooks(path, carrierBooksSchema);
  const behaviourOf = carrierBehaviour(servedCountries);
  const closing = new AbortController();
  const statements = prepare(books.database);

  const enterShipment = ({ key, orderId, country }: ShipRequest): Shipped => {
    const { refuses, down, losesFirstAnswer } = behaviourOf(country);
    statements.reach(key, down);
    const shipmentId = refuses === undefined ? `sh_${key}` : null;
    const accepted = refuses === undefined ? 1 : 0;
    const reason = refuses ?? null;
    const { changes } = statements.ship.run(key, orderId, shipmentId, country, accepted, reason, clock.now());
    if (changes === 1) {
      if (losesFirstAnswer === true) throw new Error('the connection broke');
      return { accepted, shipmentId, reason };
    }
    const entry = statements.shipAgain.get(key) as ShipmentEntry;
    if (entry.country !== country) throw new Error(`idempotency key ${key} was used for another shipment`);
    return entry;
  };

  const enterCancellation = ({ key, shipKey, shipmentId }: CancelRequest): CancellationEntry => {
    const shipment = statements.shipment.get(shipKey) as ShipmentEntry | undefined;
    if (shipment?.shipmentId !== shipmentId) throw new Error(`there is no shipment ${shipmentId}`);
    const gone = behaviourOf(shipment.country).gone === true;
    return statements.cancel.get(
      key,
      shipKey,
      shipmentId,
      gone ? 0 : 1,
      gone ? 'parcel-gone' : null,
      clock.now(),
    ) as CancellationEntry;
  };

  const travel = async (slow: boolean, signal: AbortSignal): Promise<void> => {
    const ms = slow ? slowMs : latencyMs;
    if (ms <= 0) return;
    const gone = AbortSignal.any([signal, closing.signal]);
    await sleep(clock, ms, gone);
    if (gone.aborted) throw new Error('nobody waited for the answer');
  };

  return {
    ship: async (request): Promise<ShipAnswer> => {
      const { accepted, shipmentId, reason } = await books.write(() => enterShipment(request));
      await travel(behaviourOf(request.country).slow === true, request.signal);
      return accepted === 1 && shipmentId !== null
        ? { accepted: true, shipmentId }
        : { accepted: false, reason: reason ?? 'refused' };
    },
    cancel: async (request): Promise<CancelAnswer> => {
      const { cancelled, reason } = await books.write(() => enterCancellation(request));
      await travel(false, request.signal);
      return cancelled === 1 ? { cancelled: true } : { cancelled: false, reason: reason ?? 'parcel-gone' };
    },
    close: () => {
      closing.abort();
      books.close();
    },
  };
};

/** What an entry of `shipments` answers. */
type Shipped = Pick<ShipmentEntry, 'accepted' | 'shipmentId' | 'reason'>;

/** A first call costs one insert; only a repeat looks the entry up. */
const prepare = (database: ReturnType<typeof openBooks>['database']) => {
  const unreached = database.prepare(
    'INSERT INTO unreached VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET calls = calls + 1 RETURNING calls',
  );
  return {
    ship: database.prepare(
      `INSERT INTO shipments (key, orderId, shipmentId, country, accepted, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO NOTHING`,
    ),
    shipAgain: database.prepare('UPDATE shipments SET calls = calls + 1 WHERE key = ? RETURNING *'),
    shipment: database.prepare('SELECT shipmentId, country FROM shipments WHERE key = ?'),
    cancel: database.prepare(
      `INSERT INTO cancellations (key, shipKey, shipmentId, cancelled, reason, at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET calls = calls + 1
       RETURNING cancelled, reason, calls`,
    ),
    /** Counts a call that has to get through so many failures first; throws while it does not. */
    reach: (key: string, downCalls = 0): void => {
      if (downCalls === 0) return;
      const { calls } = unreached.get(key) as { calls: number };
      if (calls <= downCalls) throw new Error('the carrier cannot be reached');
    },
  };
};
