import { DatabaseSync } from 'node:sqlite';
import { type FindingList, textOf } from '@recourse/infra/log/verify-findings';
import { isDamage } from '@recourse/infra/log/verify-rows';
import type { Folding } from '@recourse/infra/project/fold';
import { type BooksPaths, computeLedger } from '../projections/ledger-compare.ts';
import type { Refold } from './refold.ts';

/** The projection that the ledger is made of. */
const ledgerName = 'ledger';

/**
 * Computes the ledger over what was folded now, and the books: whatever does not balance is drift. Returns what it has
 * looked at.
 */
export const checkLedger = (
  refold: Refold,
  books: BooksPaths,
  findings: FindingList,
): Record<string, number> => {
  if (!refold.projections.some(({ name }) => name === ledgerName)) {
    findings.add('unchecked', 'fold-threw', ledgerName, 'the ledger was not computed: its fold threw');
    return {};
  }
  try {
    const { orders, stock, books: entries, violations } = computeLedger(asFolding(refold), books);
    for (const { code, subject, detail } of violations) findings.add('drift', code, subject, detail);
    const { inFlight: _, ...kept } = entries;
    const inBooks = Object.values(kept).reduce((sum, count) => sum + count, 0);
    return { orders: orders.open + orders.completed + orders.cancelled, skus: stock.skus, entries: inBooks };
  } catch (error) {
    if (!isDamage(error)) throw error;
    const why = `the books, or what was folded of the log, cannot be read: ${textOf(error)}`;
    findings.add('drift', 'books-unreadable', ledgerName, why);
    return {};
  }
};

/** What was folded now in the place of what the read models' thread folds. */
const asFolding = (refold: Refold): Folding => {
  // The comparison sees the file at two moments, and a reader must not hold up the fold between them.
  const db = new DatabaseSync(refold.path(ledgerName));
  db.exec('pragma journal_mode = wal');
  db.close();
  const catchUp = () => {
    refold.to(ledgerName, refold.head());
    return { position: refold.position(ledgerName), id: '' };
  };
  const running = { projection: { name: ledgerName }, file: { path: refold.path(ledgerName) } };
  return { catchUp, running: () => [running] } as unknown as Folding;
};
