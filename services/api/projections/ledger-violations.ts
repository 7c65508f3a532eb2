import type { Ledger } from '@recourse/contracts/http';

/** What does not balance. */
export type Violation = Ledger['violations'][number];

/** Codes of violations: they do not change. */
export type ViolationCode =
  /** Of a currency: captured − refunded is not completed + held. */
  | 'money-unbalanced'
  /** Of a SKU: received is not on hand + reserved + shipped. */
  | 'stock-unbalanced'
  /** Of an order. */
  | 'completed-without-payment'
  | 'completed-without-capture'
  | 'completed-without-shipment'
  | 'completed-without-stock'
  | 'cancelled-but-captured'
  | 'cancelled-but-reserved'
  | 'cancelled-but-shipped'
  | 'charged-twice'
  | 'authorized-twice'
  | 'authorization-left-open'
  | 'captured-and-voided'
  | 'refunded-too-much'
  | 'returned-too-much'
  | 'order-unknown'
  /** Of an act outside: the log against the books. */
  | 'outcome-not-in-books'
  | 'books-amount-differs'
  | 'books-outcome-differs'
  | 'books-without-intent'
  | 'in-flight-after-end'
  /** Of the ledger: there are more than it lists. */
  | 'more-violations';

/** The most violations that a ledger lists. */
const violationsListedMax = 1_000;

/** Collects violations, and counts those beyond the most that are listed. */
export const violationList = () => {
  const listed: Violation[] = [];
  let total = 0;
  return {
    add: (code: ViolationCode, subject: string, detail: string): void => {
      total += 1;
      if (listed.length < violationsListedMax) listed.push({ code, subject, detail });
    },
    /** All of them, or the first and how many there are. */
    all: (): Violation[] => {
      if (total <= listed.length) return listed;
      const more: ViolationCode = 'more-violations';
      const detail = `${total} violations in all; the first ${listed.length} are listed`;
      return [...listed, { code: more, subject: 'ledger', detail }];
    },
  };
};

/** See `violationList`. */
export type ViolationList = ReturnType<typeof violationList>;
