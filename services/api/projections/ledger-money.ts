import type { FoldedEvent } from '@recourse/infra/project/projection';
import { accountOf, settle } from './ledger-acts.ts';
import type { LedgerRows } from './ledger-tables.ts';

/** What the outcomes of payments move. Only what is captured is money of ours; what is authorised is not yet. */

const added = (a: number, b: number) => Math.min(a + b, Number.MAX_SAFE_INTEGER);

/** Money that came in, charged at once or captured of what was authorised. */
export const moneyCaptured = (
  rows: LedgerRows,
  kind: 'charges' | 'captures',
  { position, correlation, data }: FoldedEvent<'PaymentProcessed' | 'PaymentCaptured'>,
): void => {
  const account = accountOf(rows, correlation, position);
  if (!settle(rows, kind, account, position, data, 'accepted')) return;
  rows.accounts.put({
    ...account,
    currency: account.currency || data.currency,
    captured: added(account.captured, data.amount),
    capturedByPerson: added(account.capturedByPerson, data.by === 'person' ? data.amount : 0),
    captures: account.captures + 1,
    authorizedOpen: kind === 'captures' ? 0 : account.authorizedOpen,
  });
};

/** A capture; of money that had been charged at once nothing was left to capture, and nobody was called. */
export const paymentCaptured = (rows: LedgerRows, record: FoldedEvent<'PaymentCaptured'>): void => {
  const { position, correlation, data } = record;
  const account = accountOf(rows, correlation, position);
  const chargedBefore =
    account.captures > 0 &&
    data.by === undefined &&
    rows.captures.get(account.position, data.commandId) === undefined;
  if (chargedBefore) settle(rows, 'captures', account, position, data, 'nothing');
  else moneyCaptured(rows, 'captures', record);
};

/** Money that went back. */
export const paymentRefunded = (
  rows: LedgerRows,
  { position, correlation, data }: FoldedEvent<'PaymentRefunded'>,
): void => {
  const account = accountOf(rows, correlation, position);
  if (!settle(rows, 'refunds', account, position, data, data.nothing ? 'nothing' : 'accepted')) return;
  if (data.nothing) return;
  rows.accounts.put({
    ...account,
    currency: account.currency || data.currency,
    refunded: added(account.refunded, data.amount),
    refundedByPerson: added(account.refundedByPerson, data.by === 'person' ? data.amount : 0),
  });
};

/** Money that the provider keeps ready from now on. */
export const paymentAuthorized = (
  rows: LedgerRows,
  { position, correlation, data }: FoldedEvent<'PaymentAuthorized'>,
): void => {
  const account = accountOf(rows, correlation, position);
  if (!settle(rows, 'authorizations', account, position, data, 'accepted')) return;
  rows.accounts.put({
    ...account,
    currency: account.currency || data.currency,
    authorized: added(account.authorized, data.amount),
    authorizedOpen: added(account.authorizedOpen, data.amount),
    authorizations: account.authorizations + 1,
  });
};

/** Money that the provider has let go of. */
export const paymentVoided = (
  rows: LedgerRows,
  { position, correlation, data }: FoldedEvent<'PaymentVoided'>,
): void => {
  const account = accountOf(rows, correlation, position);
  if (!settle(rows, 'voids', account, position, data, data.nothing ? 'nothing' : 'accepted')) return;
  if (!data.nothing) rows.accounts.put({ ...account, authorizedOpen: 0, voids: account.voids + 1 });
};
