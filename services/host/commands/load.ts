import { writeFile } from 'node:fs/promises';
import type { Ledger } from '@recourse/contracts/http';
import { Currency } from '@recourse/contracts/money';
import { StartError } from '@recourse/infra/errors';
import { foregroundClock as clock } from '@recourse/infra/system';
import type { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { type Client, connect, serverUrl } from '../client.ts';
import type { Environment } from '../config.ts';
import { type Invoices, invoiceReader } from '../load/invoices.ts';
import { endedMinAfter, readLedger, settledLedger } from '../load/ledger-verdict.ts';
import { patientSender } from '../load/patience.ts';
import { type Outcome, placeOrders } from '../load/place.ts';
import { readRows } from '../load/read-rows.ts';
import { parseShare, receiveStock, type Share, stockFor } from '../load/receive.ts';
import { rejectLines, rejectsCsv } from '../load/rejects.ts';
import { orderLinesMax, type Summary, summarize, summaryLines, unsendable } from '../load/summary.ts';
import { progressBar } from '../progress-bar.ts';
import { print, printJson } from '../terminal.ts';
import { examples, invalidFlag, urlOption, wholeNumber } from './options.ts';

type Options = {
  readonly currency: string;
  readonly stockShare: string;
  readonly paymentToken: string;
  readonly concurrency: string;
  readonly serverGoneSeconds: string;
  readonly rejects?: string;
  readonly json?: true;
  readonly url?: string;
};

/** `recourse load`: a shop's real orders, placed at the running server. */
export const loadCommand = (environment: Environment): Command =>
  new Command('load')
    .description("Place the orders of a shop's export (CSV, plain or gzip), and wait for all to end")
    .argument(
      '<file>',
      'columns InvoiceNo, StockCode, Quantity, UnitPrice, CustomerID, Country, in any order',
    )
    .option('--currency <code>', 'of the prices in the file', 'GBP')
    .option('--stock-share <share>', "how much of each SKU's demand is taken in first", '1')
    .option('--payment-token <token>', 'with which all orders are paid', 'tok_accepted')
    .option('--concurrency <n>', 'orders posted at a time', '64')
    .option('--server-gone-seconds <n>', 'gives up after so long without a server', '60')
    .option('--rejects <file>', 'writes the rows that were dropped, as CSV: line, invoice, reason')
    .option('--json', 'the summary as JSON, with all rows that were dropped')
    .addOption(urlOption())
    .addHelpText(
      'after',
      `
Rows of one invoice are one order, wherever they stand; the whole file is read and checked before anything is sent.
A row that cannot be ordered is dropped and reported. Run again with the same file, nothing is ordered or received
twice.
${examples('recourse load orders.csv.gz', 'recourse load orders.csv --stock-share 0.9 --rejects dropped.csv')}`,
    )
    .action(async (file: string, options: Options) => {
      const settings = checked(options);
      const client = connect(serverUrl(options.url, environment), { connections: settings.concurrency + 8 });
      try {
        const { summary, ledger } = await load(client, file, settings);
        if (options.json) printJson(summary);
        else for (const line of summaryLines(summary, ledger)) print(line);
        if (!summary.ledger.balanced || summary.ledger.behind) process.exitCode = 1;
      } finally {
        await client.close();
      }
    });

type Settings = Pick<Options, 'currency' | 'paymentToken' | 'rejects' | 'json'> & {
  readonly share: Share;
  readonly concurrency: number;
  readonly goneMsMax: number;
};

const load = async (
  client: Client,
  file: string,
  settings: Settings,
): Promise<{ summary: Summary; ledger: Ledger }> => {
  const reader = invoiceReader(settings.currency);
  const sha256 = await readRows(file, reader.take);
  const read = reader.result();
  const invoices = read.invoices.filter(({ lines }) => lines.length <= orderLinesMax);
  const stock = stockFor(invoices, settings.share);
  // No server at all is said at once; one that goes away later is waited for.
  await client.send('GET', '/health/live');
  await report(read, settings);
  const send = patientSender(client, clock, settings.goneMsMax);
  const before = await readLedger(client, send);
  const received = await receiveStock(client, send, stock, sha256, settings.concurrency);
  const outcomes: Outcome[] = unsendable(read);
  const bar = progress(invoices.length, settings.json === true);
  const beganAt = clock.monotonic();
  try {
    await placeOrders(invoices, {
      client,
      send,
      clock,
      ...settings,
      onOutcome: (outcome) => {
        outcomes.push(outcome);
        bar?.increment();
      },
    });
  } finally {
    bar?.stop();
  }
  const ms = clock.monotonic() - beganAt;
  const ended = outcomes.filter((outcome) => outcome.kind === 'ended' && outcome.ms !== undefined).length;
  const { ledger, behind } = await settledLedger(client, send, clock, endedMinAfter(before, ended));
  return {
    summary: summarize({ file, sha256, read, stock: received, outcomes, ms, ledger, behind }),
    ledger,
  };
};

const report = async (read: Invoices, { rejects, json }: Settings) => {
  if (!json && read.rejects.length > 0) {
    print(`${read.rejects.length} of ${read.rows} rows are dropped:`);
    for (const line of rejectLines(read)) print(line);
    print();
  }
  if (rejects === undefined) return;
  await writeFile(rejects, rejectsCsv(read)).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError('invalid-flag', `--rejects ${rejects} cannot be written: ${why}. Nothing was sent.`);
  });
};

const progress = (total: number, quiet: boolean): SingleBar | undefined => {
  const words = '{value} of {total} orders ended | {eta_formatted} left';
  const bar = progressBar(words, quiet, { etaBuffer: 200, clearOnComplete: false });
  bar?.start(total, 0);
  return bar;
};

const concurrencyMax = 1_024;
const goneSecondsMax = 86_400;
const digitsMax = 9;

const checked = (options: Options): Settings => {
  const { currency, paymentToken, rejects, json } = options;
  if (!Currency.safeParse(currency).success)
    throw invalidFlag('--currency', currency, 'an ISO 4217 code in capitals');
  const share = parseShare(options.stockShare);
  if (share === undefined)
    throw invalidFlag(
      '--stock-share',
      options.stockShare,
      'a number such as 1 or 0.9, with at most six decimals',
    );
  return {
    currency,
    paymentToken,
    share,
    concurrency: wholeNumber('--concurrency', options.concurrency, concurrencyMax, digitsMax),
    goneMsMax:
      wholeNumber('--server-gone-seconds', options.serverGoneSeconds, goneSecondsMax, digitsMax) * 1_000,
    ...(rejects !== undefined && { rejects }),
    ...(json !== undefined && { json }),
  };
};
