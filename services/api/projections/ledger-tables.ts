import { type Rows, table } from '@recourse/infra/project/projection';

/** The rows of the ledger: small integers an order, an act outside, a SKU. Money in minor units, stock in pieces. */

/** How an order stands. `unknown`: something happened for an order that was never created. */
export const orderStates = { open: 0, completed: 1, cancelled: 2, unknown: 3 } as const;

/** 1 for yes. */
export type Flag = 0 | 1;

/** What an order has moved. */
export type OrderAccount = {
  /** Of its OrderCreated. */
  readonly position: number;
  readonly orderId: string;
  readonly state: 0 | 1 | 2 | 3;
  readonly currency: string;
  readonly total: number;
  /** How many pieces were ordered. */
  readonly pieces: number;
  readonly captured: number;
  readonly refunded: number;
  readonly capturedByPerson: number;
  readonly refundedByPerson: number;
  /** How often money was captured, charged at once or of what was authorised. */
  readonly captures: number;
  /** What was ever authorised, and what of it is neither captured nor voided. */
  readonly authorized: number;
  readonly authorizedOpen: number;
  /** How often money was authorised, and let go of. */
  readonly authorizations: number;
  readonly voids: number;
  readonly shipped: Flag;
  /** Its shipment was cancelled, which also ends an open intent to ship. */
  readonly shipmentCancelled: Flag;
  /** Pieces taken and not returned, by SKU; no entry where all were returned. */
  readonly takes: readonly (readonly [sku: string, pieces: number])[];
  /** How many SKUs those are, how many pieces, and whether of one more was returned than taken. */
  readonly takenSkus: number;
  readonly takenPieces: number;
  readonly overReturned: Flag;
};

/** An act outside: what was intended and what came of it, by the command that is its idempotency key. */
export type Act = {
  /** The position of its order's account. */
  readonly account: number;
  readonly commandId: string;
  /** 1: the intent is in the log. */
  readonly intended: Flag;
  /** As intended; for voids, shipments and cancellations 0 and an empty currency. */
  readonly amount: number;
  readonly currency: string;
  /** Null while open. `nothing`: there was nothing to undo, and nobody was called. */
  readonly outcome: 'accepted' | 'declined' | 'nothing' | null;
  /** The amount of that outcome. */
  readonly settled: number;
  /** The position of the outcome that the provider or carrier gave; null where only a person did, or none. */
  readonly heardAt: number | null;
};

/** A SKU's pieces: received = onHand + reserved + shipped. */
export type SkuAccount = {
  readonly sku: string;
  readonly received: number;
  /** As its last stock record says. */
  readonly onHand: number;
  /** Taken and not returned: by orders that have not been shipped, and by those that have. */
  readonly reserved: number;
  readonly shipped: number;
};

const integer = 'integer not null';
const text = 'text not null';

const accounts = table<OrderAccount>({
  columns: {
    position: 'integer primary key',
    orderId: text,
    state: integer,
    currency: text,
    total: integer,
    pieces: integer,
    captured: integer,
    refunded: integer,
    capturedByPerson: integer,
    refundedByPerson: integer,
    captures: integer,
    authorized: integer,
    authorizedOpen: integer,
    authorizations: integer,
    voids: integer,
    shipped: integer,
    shipmentCancelled: integer,
    takes: 'json not null',
    takenSkus: integer,
    takenPieces: integer,
    overReturned: integer,
  },
  key: ['orderId'],
  hot: ['state', orderStates.open],
});

/** Acts of one kind lie in the order of their accounts, so they grow at the end however random their commands' ids. */
const acts = table<Act>({
  columns: {
    account: integer,
    commandId: text,
    intended: integer,
    amount: integer,
    currency: text,
    outcome: 'text',
    settled: integer,
    heardAt: 'integer',
  },
  key: ['account', 'commandId'],
  clustered: true,
});

const skus = table<SkuAccount>({
  columns: { sku: text, received: integer, onHand: integer, reserved: integer, shipped: integer },
  key: ['sku'],
  clustered: true,
});

/** The tables of the ledger; acts stand in a table for each kind. */
export const ledgerTables = {
  accounts,
  charges: acts,
  refunds: acts,
  authorizations: acts,
  captures: acts,
  voids: acts,
  shipments: acts,
  cancellations: acts,
  skus,
} as const;

/** The kinds of acts outside. */
export type ActKind =
  | 'charges'
  | 'refunds'
  | 'authorizations'
  | 'captures'
  | 'voids'
  | 'shipments'
  | 'cancellations';

/** The rows of the ledger as its fold sees them. */
export type LedgerRows = { readonly [K in ActKind]: Rows<Act> } & {
  readonly accounts: Rows<OrderAccount>;
  readonly skus: Rows<SkuAccount>;
};
