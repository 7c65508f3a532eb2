import type { Ledger } from '@recourse/contracts/http';
import { formatMoney } from './money.ts';
import { colours, tableLines, visible } from './terminal.ts';

/** The ledger for people. */
export const ledgerLines = (ledger: Ledger): string[] => {
  const { orders, stock, books } = ledger;
  const perCurrency = (amountsOf: (of: Ledger['money'][number]) => readonly number[]) =>
    ledger.money.map((of) => [
      of.currency,
      ...amountsOf(of).map((minor) => formatMoney(minor, of.currency).replace(` ${of.currency}`, '')),
    ]);
  const person = ['captured by a person', 'refunded by a person'];
  return [
    ...tableLines(
      [
        ['money', 'captured', 'refunded', 'completed', 'held', ...person],
        ...perCurrency(({ captured, refunded, completed, held, capturedByPerson, refundedByPerson }) => [
          captured,
          refunded,
          completed,
          held,
          capturedByPerson,
          refundedByPerson,
        ]),
      ],
      [1, 2, 3, 4, 5, 6],
    ),
    '',
    ...tableLines(
      [
        ['authorised', 'in all', 'voided', 'neither captured nor voided yet'],
        ...perCurrency(({ authorized, voided, authorizedOpen }) => [authorized, voided, authorizedOpen]),
      ],
      [1, 2, 3],
    ),
    '',
    ...tableLines(
      [
        ['stock', 'SKUs', 'received', 'on hand', 'reserved', 'shipped'],
        ['pieces', ...[stock.skus, stock.received, stock.onHand, stock.reserved, stock.shipped].map(String)],
      ],
      [1, 2, 3, 4, 5],
    ),
    '',
    ...tableLines(
      [
        ['books', ...bookNames.map(([, title]) => title)],
        ['entries', ...bookNames.map(([name]) => String(books[name]))],
      ],
      bookNames.map((_, index) => index + 1),
    ),
    '',
    ...tableLines(
      [
        ['orders', 'open', 'completed', 'cancelled'],
        ['', ...[orders.open, orders.completed, orders.cancelled].map(String)],
      ],
      [1, 2, 3],
    ),
    '',
    ...verdictLines(ledger),
  ];
};

const bookNames = [
  ['charges', 'charges'],
  ['refunds', 'refunds'],
  ['authorizations', 'authorisations'],
  ['captures', 'captures'],
  ['voids', 'voids'],
  ['shipments', 'shipments'],
  ['cancellations', 'cancellations'],
  ['inFlight', 'in flight'],
] as const satisfies readonly (readonly [keyof Ledger['books'], string])[];

const violationsShownMax = 20;

/** Whether the ledger balances, and what does not. */
export const verdictLines = ({ violations, position }: Ledger): string[] => {
  const at = `at position ${Number(position)}`;
  if (violations.length === 0) return [colours.green(`The ledger balances ${at}.`)];
  const count = violations.length === 1 ? '1 violation' : `${violations.length} violations`;
  return [
    colours.red(`The ledger does not balance ${at}: ${count}.`),
    ...violations
      .slice(0, violationsShownMax)
      .map(({ code, subject, detail }) => `  ${code}  ${visible(subject)}: ${visible(detail)}`),
    ...(violations.length > violationsShownMax ? ['  … all with: recourse ledger --json'] : []),
  ];
};
