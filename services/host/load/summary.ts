import type { Ledger } from '@recourse/contracts/http';
import { verdictLines } from '../ledger-lines.ts';
import { colours, tableLines, visible } from '../terminal.ts';
import type { Invoices } from './invoices.ts';
import type { Outcome } from './place.ts';
import type { Received } from './receive.ts';

/** The most lines that one order may have. */
export const orderLinesMax = 1_000;

/** What a load came to. Times in milliseconds, from the first POST of an order to its end. */
export type Summary = {
  readonly file: string;
  readonly sha256: string;
  readonly rows: number;
  readonly invoices: number;
  readonly returns: { readonly invoices: number; readonly rows: number };
  readonly rowsDropped: {
    readonly total: number;
    readonly byReason: Readonly<Record<string, number>>;
    readonly rows: Invoices['rejects'];
  };
  readonly stock: Received;
  readonly accepted: number;
  /** Of the accepted: orders that an earlier run had placed. */
  readonly knownBefore: number;
  readonly refused: {
    readonly total: number;
    readonly byReason: Readonly<Record<string, number>>;
    readonly invoices: readonly {
      readonly invoice: string;
      readonly reason: string;
      readonly detail: string;
    }[];
  };
  readonly completed: number;
  readonly takenBack: { readonly total: number; readonly byReason: Readonly<Record<string, number>> };
  readonly seconds: number;
  readonly ordersPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
  readonly ledger: { readonly balanced: boolean; readonly behind: boolean } & Pick<
    Ledger,
    'position' | 'violations'
  >;
};

/** What a summary is made of. */
export type Results = {
  readonly file: string;
  readonly sha256: string;
  readonly read: Invoices;
  readonly stock: Received;
  readonly outcomes: readonly Outcome[];
  readonly ms: number;
  readonly ledger: Ledger;
  readonly behind: boolean;
};

/** Adds up. */
export const summarize = ({ file, sha256, read, stock, outcomes, ms, ledger, behind }: Results): Summary => {
  const refused = outcomes.filter((outcome) => outcome.kind === 'refused');
  const ended = outcomes.filter((outcome) => outcome.kind === 'ended');
  const cancelled = ended.filter(({ state }) => state === 'cancelled');
  const times = ended
    .flatMap((outcome) => (outcome.ms === undefined ? [] : [outcome.ms]))
    .sort((a, b) => a - b);
  const seconds = ms / 1_000;
  return {
    file,
    sha256,
    rows: read.rows,
    invoices: read.invoices.length + read.emptied.length,
    returns: read.returns,
    rowsDropped: {
      total: read.rejects.length,
      byReason: countBy(read.rejects, ({ reason }) => reason),
      rows: read.rejects,
    },
    stock,
    accepted: ended.length,
    knownBefore: ended.length - times.length,
    refused: {
      total: refused.length,
      byReason: countBy(refused, ({ reason }) => reason),
      invoices: refused.map(({ invoice, reason, detail }) => ({ invoice, reason, detail })),
    },
    completed: ended.length - cancelled.length,
    takenBack: {
      total: cancelled.length,
      byReason: countBy(cancelled, ({ because }) => because ?? 'unknown'),
    },
    seconds: round(seconds, 3),
    ordersPerSecond: seconds > 0 ? round(times.length / seconds, 1) : 0,
    latencyMs:
      times.length === 0
        ? null
        : { p50: percentile(times, 50), p95: percentile(times, 95), p99: percentile(times, 99) },
    ledger: {
      balanced: ledger.violations.length === 0,
      behind,
      position: ledger.position,
      violations: ledger.violations,
    },
  };
};

/** Nearest rank: the smallest value that at least p % of the values, which are sorted, do not exceed. */
export const percentile = (sorted: readonly number[], p: number): number =>
  round(sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? 0, 1);

const round = (value: number, decimals: number) => Number(value.toFixed(decimals));

const countBy = <T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> => {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
};

const refusedShownMax = 10;

/** The summary for people. */
export const summaryLines = (it: Summary, ledger: Ledger): string[] => {
  const reasons = (byReason: Readonly<Record<string, number>>): [string, string][] =>
    Object.entries(byReason).map(([reason, count]) => [`  ${reason}`, String(count)]);
  const refusedByServer = it.refused.invoices.filter(({ reason }) => reason !== noRowsLeft);
  return [
    ...tableLines(
      [
        ['what', 'how many'],
        ['invoices read', String(it.invoices)],
        ['returns, which no saga handles yet', String(it.returns.invoices)],
        ['rows read', String(it.rows)],
        ['rows dropped', String(it.rowsDropped.total)],
        ...reasons(it.rowsDropped.byReason),
        ['SKUs taken in', String(it.stock.skus)],
        ...(it.stock.otherShare > 0
          ? [['SKUs left as taken in before with another share', String(it.stock.otherShare)]]
          : []),
        ['orders accepted', String(it.accepted)],
        ...(it.knownBefore > 0 ? [['  known from an earlier run', String(it.knownBefore)]] : []),
        ['orders refused', String(it.refused.total)],
        ...reasons(it.refused.byReason),
        ['completed', String(it.completed)],
        ['taken back', String(it.takenBack.total)],
        ...reasons(it.takenBack.byReason),
        ['seconds', it.seconds.toFixed(1)],
        ['orders/s', String(it.ordersPerSecond)],
        ...Object.entries(it.latencyMs ?? {}).map(([name, ms]) => [
          `${name} from POST to end, ms`,
          String(ms),
        ]),
      ],
      [1],
    ),
    ...refusedByServer
      .slice(0, refusedShownMax)
      .map(
        ({ invoice, reason, detail }) =>
          `  invoice ${visible(invoice)} refused, ${reason}: ${visible(detail)}`,
      ),
    ...(refusedByServer.length > refusedShownMax ? ['  … all with --json'] : []),
    ...(it.ledger.behind ? [colours.yellow('The ledger has not caught up with the log yet.')] : []),
    ...verdictLines(ledger),
  ];
};

/** Why an invoice is refused before it is sent. */
const noRowsLeft = 'no-rows-left';
const tooManyLines = 'too-many-lines';

/** The outcomes of the invoices that are not sent. */
export const unsendable = ({ emptied, invoices }: Invoices): Outcome[] => [
  ...emptied.map(
    (invoice): Outcome => ({
      kind: 'refused',
      invoice,
      reason: noRowsLeft,
      detail: 'all its rows were dropped',
    }),
  ),
  ...invoices
    .filter(({ lines }) => lines.length > orderLinesMax)
    .map(
      ({ number, lines }): Outcome => ({
        kind: 'refused',
        invoice: number,
        reason: tooManyLines,
        detail: `it has ${lines.length} lines, and an order has at most ${orderLinesMax}`,
      }),
    ),
];
