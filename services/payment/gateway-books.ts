import type { EntryTables } from '@recourse/infra/books-rules';

/**
 * The simulated provider's books, as `gateway.db` holds them. An entry is never changed but for its `calls`. Times in
 * milliseconds since 1970, amounts in minor units. Books that an older Recourse made gain the tables that they lack.
 */
export const gatewayBooksSchema = `
  -- One charge a key, accepted (1, with chargeId) or declined (0, with reason); calls: how often it was asked for.
  CREATE TABLE IF NOT EXISTS charges (
    key TEXT NOT NULL UNIQUE,
    orderId TEXT NOT NULL,
    chargeId TEXT,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    accepted INTEGER NOT NULL,
    reason TEXT,
    at INTEGER NOT NULL,
    paymentToken TEXT NOT NULL,
    calls INTEGER NOT NULL DEFAULT 1
  ) STRICT;
  -- One refund a key.
  CREATE TABLE IF NOT EXISTS refunds (
    key TEXT NOT NULL UNIQUE,
    chargeId TEXT NOT NULL,
    refundId TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    at INTEGER NOT NULL,
    calls INTEGER NOT NULL DEFAULT 1
  ) STRICT;
  -- One authorisation a key, accepted (1, with authorizationId) or declined (0, with reason).
  CREATE TABLE IF NOT EXISTS authorizations (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    orderId TEXT NOT NULL,
    authorizationId TEXT,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    accepted INTEGER NOT NULL,
    reason TEXT,
    at INTEGER NOT NULL,
    paymentToken TEXT NOT NULL,
    calls INTEGER NOT NULL DEFAULT 1
  ) STRICT;
  -- What became of an authorisation, by its number: it is captured once or voided once.
  CREATE TABLE IF NOT EXISTS captures (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    authorizationId TEXT NOT NULL,
    captureId TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    at INTEGER NOT NULL,
    calls INTEGER NOT NULL DEFAULT 1
  ) STRICT;
  CREATE TABLE IF NOT EXISTS voids (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    authorizationId TEXT NOT NULL,
    voidId TEXT NOT NULL,
    at INTEGER NOT NULL,
    calls INTEGER NOT NULL DEFAULT 1
  ) STRICT;
  -- Calls that could not, or at first could not, reach the provider, by key.
  CREATE TABLE IF NOT EXISTS unreached (key TEXT NOT NULL PRIMARY KEY, calls INTEGER NOT NULL) STRICT;
`;

const money = { amount: 'integer', currency: 'text' } as const;

const asked = { key: 'text', orderId: 'text', ...money, accepted: 'integer', reason: 'text' } as const;

/** The tables of the provider's books, in a file and in PostgreSQL, where `simulated_` stands before their names. */
export const gatewayTables = {
  charges: { columns: { ...asked, chargeId: 'text', at: 'integer', paymentToken: 'text' } },
  refunds: { columns: { key: 'text', chargeId: 'text', refundId: 'text', ...money, at: 'integer' } },
  authorizations: { columns: { ...asked, authorizationId: 'text', at: 'integer', paymentToken: 'text' } },
  captures: {
    columns: {
      number: 'integer',
      key: 'text',
      authorizationId: 'text',
      captureId: 'text',
      ...money,
      at: 'integer',
    },
    ends: 'authorizations',
  },
  voids: {
    columns: { number: 'integer', key: 'text', authorizationId: 'text', voidId: 'text', at: 'integer' },
    ends: 'authorizations',
  },
} as const satisfies EntryTables;

/** A row of `charges`. */
export type ChargeEntry = {
  readonly key: string;
  readonly orderId: string;
  readonly chargeId: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly accepted: 0 | 1;
  readonly reason: string | null;
  readonly at: number;
  readonly paymentToken: string;
  readonly calls: number;
};

/** A row of `refunds`. */
export type RefundEntry = {
  readonly key: string;
  readonly chargeId: string;
  readonly refundId: string;
  readonly amount: number;
  readonly currency: string;
  readonly at: number;
  readonly calls: number;
};

/** A row of `authorizations`. */
export type AuthorizationEntry = Omit<ChargeEntry, 'chargeId'> & {
  readonly number: number;
  readonly authorizationId: string | null;
};

/** A row of `captures`. */
export type CaptureEntry = {
  readonly number: number;
  readonly key: string;
  readonly authorizationId: string;
  readonly captureId: string;
  readonly amount: number;
  readonly currency: string;
  readonly at: number;
  readonly calls: number;
};

/** A row of `voids`. */
export type VoidEntry = Omit<CaptureEntry, 'captureId' | 'amount' | 'currency'> & { readonly voidId: string };
