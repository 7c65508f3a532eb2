import type { Ledger } from '@recourse/contracts/http';
import { formatMoney } from './money.ts';
import { colours, tableLines, visible } from './terminal.ts';

/** The ledger for people. */
export const ledgerLines = (ledger: Ledger): string[] => {
  const { orders, stock, books } = ledger;
  const money = ledger.money.map(({ currency, ...amounts }) => [
    currency,
    ...[
      amounts.captured,
      amounts.refunded,
      amounts.completed,
      amounts.held,
      amounts.capturedByPerson,
      amounts.refundedByPerson,
    ].map((minor) => formatMoney(minor, currency).replace(` ${currency}`, '')),
  ]);
  const person = ['captured by a person', 'refunded by a person'];
  return [
    ...tableLines(
      [['money', 'captured', 'refunded', 'completed', 'held', ...person], ...money],
      [1, 2, 3, 4, 5, 6],
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
        ['books', 'charges', 'refunds', 'shipments', 'cancellations', 'in flight'],
        [
          'entries',
          ...[books.charges, books.refunds, books.shipments, books.cancellations, books.inFlight].map(String),
        ],
      ],
      [1, 2, 3, 4, 5],
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
