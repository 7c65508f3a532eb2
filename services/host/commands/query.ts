import { foregroundClock } from '@recourse/infra/system';
import { Command, Option } from 'commander';
import type { Environment } from '../config.ts';
import { progressBar } from '../progress-bar.ts';
import { askRows, type RowsWish, waitForRows } from '../query/ask-rows.ts';
import { rowsLines } from '../query/rows-text.ts';
import { reaching } from '../reach.ts';
import { print, printJson } from '../terminal.ts';
import { examples, invalidFlag, type WhereOptions, wholeNumber, withWhere } from './options.ts';

type Options = WhereOptions & {
  readonly asOf?: string;
  readonly table?: string;
  readonly where: readonly string[];
  readonly limit: string;
  readonly cursor?: string;
};

const limitMax = 100_000;

/** `recourse query`: the rows of a read model, as they are or as they were. */
export const queryCommand = (environment: Environment): Command =>
  withWhere(
    new Command('query')
      .description('Show the rows of a read model, as they are or as they were')
      .argument('<projection>', 'orders, sagas, ledger, stock, payments, revenue or compensations')
      .option(
        '--as-of <moment>',
        'as they were: a position, a time (RFC 3339), or a date (its first moment, UTC)',
      )
      .option('--table <name>', 'one of its tables (default: its first)')
      .addOption(
        new Option(
          '--where <column=value>',
          'only rows that have it; the same column again: one of these; no value: none',
        )
          .default([], 'all rows')
          .argParser((text: string, before: readonly string[]) => [...before, text]),
      )
      .option('--limit <n>', `so many rows at most, up to ${limitMax}`, '50')
      .option('--cursor <cursor>', 'goes on where another query ended')
      .option('--json', "as JSON: the server's answer"),
  )
    .addHelpText(
      'after',
      examples(
        'recourse query revenue',
        'recourse query stock --as-of 2026-01-31T12:00:00Z',
        'recourse query payments --as-of 0000000000012345 --where state=captured --where currency=GBP',
        'recourse query compensations --table orders --where endedAt= --json',
      ),
    )
    .action((projection: string, options: Options) => {
      const wish = wishOf(projection, options);
      return reaching(environment, options, async (client, { running }) => {
        const bar = positionBar(options.json === true);
        try {
          // Where no server runs the read models are folded on from now on, and soon show all there is.
          if (!running && wish.asOf === undefined)
            await waitForRows(client, projection, foregroundClock, bar.show);
          const rows = await askRows(client, wish, bar.show);
          bar.stop();
          const now = wish.asOf === undefined && wish.cursor === undefined;
          if (options.json) printJson(rows);
          else for (const line of rowsLines(rows, now)) print(line);
        } finally {
          bar.stop();
        }
      });
    });

/** What is not checked here, the server checks. */
const wishOf = (projection: string, { asOf, table, where, limit, cursor }: Options): RowsWish => ({
  projection,
  asOf,
  table,
  cursor,
  where: where.map((text) => {
    const at = text.indexOf('=');
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)] as const;
    throw invalidFlag('--where', text, 'column=value');
  }),
  limit: wholeNumber('--limit', limit, limitMax),
});

/** A bar from the first word of how far it is. */
const positionBar = (quiet: boolean) => {
  const bar = progressBar('position {value} of {total} | {eta_formatted} left', quiet);
  let shown = false;
  return {
    show: (position: number, of: number) => {
      if (shown) bar?.setTotal(of);
      else bar?.start(of, position);
      shown = true;
      bar?.update(position);
    },
    stop: () => {
      if (shown) bar?.stop();
      shown = false;
    },
  };
};
