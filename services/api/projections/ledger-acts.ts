import { type Act, type ActKind, type LedgerRows, type OrderAccount, orderStates } from './ledger-tables.ts';

/** What every part of the ledger's fold shares: an order's account, and an act's intent and outcome. */

/** An account before anything is known. */
export const emptyAccount: Omit<OrderAccount, 'position' | 'orderId'> = {
  state: orderStates.unknown,
  currency: '',
  total: 0,
  pieces: 0,
  captured: 0,
  refunded: 0,
  capturedByPerson: 0,
  refundedByPerson: 0,
  captures: 0,
  authorized: 0,
  authorizedOpen: 0,
  authorizations: 0,
  voids: 0,
  shipped: 0,
  shipmentCancelled: 0,
  takes: [],
  takenSkus: 0,
  takenPieces: 0,
  overReturned: 0,
};

const emptyAct: Omit<Act, 'account' | 'commandId'> = {
  intended: 0,
  amount: 0,
  currency: '',
  outcome: null,
  settled: 0,
  heardAt: null,
};

/** Where a record stands, and whose it is. */
export type Placed = { readonly position: number; readonly correlation: string };

/** The account of an order; a new one where the order was never created. */
export const accountOf = (rows: LedgerRows, orderId: string, position: number): OrderAccount => {
  // Something after an order's end is a late answer, or not as it should be: either is rare.
  const known = rows.accounts.get(orderId) ?? rows.accounts.find(orderId);
  if (known !== undefined) return known;
  const made = { ...emptyAccount, position, orderId };
  rows.accounts.put(made);
  return made;
};

const actOf = (rows: LedgerRows, kind: ActKind, account: OrderAccount, commandId: string): Act =>
  rows[kind].get(account.position, commandId) ?? { ...emptyAct, account: account.position, commandId };

type Intended = {
  readonly commandId: string;
  readonly amount?: number | undefined;
  readonly currency?: string | undefined;
};

/** Notes the intent of an act. */
export const intend = (
  rows: LedgerRows,
  kind: ActKind,
  { position, correlation }: Placed,
  { commandId, amount = 0, currency = '' }: Intended,
): void => {
  // An intent comes before its outcome, so there is nothing to look up.
  const account = accountOf(rows, correlation, position).position;
  rows[kind].put({ ...emptyAct, account, commandId, intended: 1, amount, currency });
};

type Outcome = {
  readonly commandId: string;
  readonly amount?: number | undefined;
  readonly currency?: string | undefined;
  readonly by?: 'person' | undefined;
  readonly late?: true | undefined;
};

/**
 * Notes the outcome of an act. Returns whether it is the first to say so: what was accepted once, by a person or by
 * the provider, is not accepted again by a late answer. A late acceptance outdoes a person's refusal.
 */
export const settle = (
  rows: LedgerRows,
  kind: ActKind,
  account: OrderAccount,
  position: number,
  { commandId, amount = 0, currency = '', by, late }: Outcome,
  outcome: Act['outcome'],
): boolean => {
  const act = actOf(rows, kind, account, commandId);
  const heardAt = by === 'person' || outcome === 'nothing' ? act.heardAt : position;
  const stands = late === true && (act.outcome === 'accepted' || outcome !== 'accepted');
  rows[kind].put({
    ...act,
    currency: act.intended === 1 ? act.currency : currency,
    outcome: stands ? act.outcome : outcome,
    settled: stands ? act.settled : amount,
    heardAt,
  });
  return !stands;
};

/** Notes that an act was declined. */
export const decline = (
  rows: LedgerRows,
  kind: ActKind,
  { position, correlation }: Placed,
  data: Outcome,
): void => {
  settle(rows, kind, accountOf(rows, correlation, position), position, data, 'declined');
};
