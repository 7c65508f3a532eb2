import type { EntryTables } from '@recourse/infra/books-rules';

/**
 * The simulated carrier's books, as `carrier.db` holds them. An entry is never changed but for its `calls`, so who
 * reads along can go by `rowid`. Times in milliseconds since 1970.
 */
export const carrierBooksSchema = `
  -- One shipment a key, accepted (1, with shipmentId) or refused (0, with reason); calls: how often it was asked for.
  CREATE TABLE IF NOT EXISTS shipments (
    key TEXT NOT NULL UNIQUE,
    orderId TEXT NOT NULL,
    shipmentId TEXT,
    country TEXT NOT NULL,
    accepted INTEGER NOT NULL,
    reason TEXT,
    at INTEGER NOT NULL,
    calls INTEGER NOT NULL DEFAULT 1
  ) STRICT;
  -- One cancellation a key, carried out (1) or refused (0, with reason).
  CREATE TABLE IF NOT EXISTS cancellations (
    key TEXT NOT NULL UNIQUE,
    shipKey TEXT NOT NULL,
    shipmentId TEXT NOT NULL,
    cancelled INTEGER NOT NULL,
    reason TEXT,
    at INTEGER NOT NULL,
    calls INTEGER NOT NULL DEFAULT 1
  ) STRICT;
  -- Calls that could not, or at first could not, reach the carrier, by key.
  CREATE TABLE IF NOT EXISTS unreached (key TEXT NOT NULL PRIMARY KEY, calls INTEGER NOT NULL) STRICT;
`;

/** The tables of the carrier's books, in a file and in PostgreSQL, where `simulated_` stands before their names. */
export const carrierTables = {
  shipments: {
    columns: {
      key: 'text',
      orderId: 'text',
      shipmentId: 'text',
      country: 'text',
      accepted: 'integer',
      reason: 'text',
      at: 'integer',
    },
  },
  cancellations: {
    columns: {
      key: 'text',
      shipKey: 'text',
      shipmentId: 'text',
      cancelled: 'integer',
      reason: 'text',
      at: 'integer',
    },
  },
} as const satisfies EntryTables;

/** A row of `shipments`. */
export type ShipmentEntry = {
  readonly key: string;
  readonly orderId: string;
  readonly shipmentId: string | null;
  readonly country: string;
  readonly accepted: 0 | 1;
  readonly reason: string | null;
  readonly at: number;
  readonly calls: number;
};

/** A row of `cancellations`. */
export type CancellationEntry = {
  readonly key: string;
  readonly shipKey: string;
  readonly shipmentId: string;
  readonly cancelled: 0 | 1;
  readonly reason: string | null;
  readonly at: number;
  readonly calls: number;
};
