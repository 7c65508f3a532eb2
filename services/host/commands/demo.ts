import { Stock } from '@recourse/contracts/http';
import { foregroundClock as clock, systemIds as ids } from '@recourse/infra/system';
import { Command } from 'commander';
import { type Client, connect, serverUrl } from '../client.ts';
import type { Environment } from '../config.ts';
import { groupedLines } from '../demo/grouped.ts';
import { type DemoRow, demoRows } from '../demo/rows.ts';
import { type Bought, type RowResult, runRow } from '../demo/run-row.ts';
import { demoCatalogue } from '../demo-catalogue.ts';
import { colours, print, printJson, tableLines } from '../terminal.ts';
import { examples, urlOption } from './options.ts';

type Options = { readonly country: string; readonly json?: true; readonly url?: string };

/** `recourse demo`: one order for each row of the compensation table. Exit code 0 when all end as they must. */
export const demoCommand = (environment: Environment): Command =>
  new Command('demo')
    .description(
      'Place one order for each way an order can go, and show every event and command as it happens',
    )
    .option('--country <name>', 'one that the carrier serves', 'United Kingdom')
    .option('--json', 'only the summary, as JSON')
    .addOption(urlOption())
    .addHelpText(
      'after',
      `\nAll run at once, against the test tokens and test countries of the simulated provider and carrier; the last, whose
provider does not answer, takes about a minute.\n${examples('recourse demo', 'recourse demo --json')}`,
    )
    .action(async ({ country, json, url }: Options) => {
      const client = connect(serverUrl(url, environment), { connections: demoRows.length * 3 });
      try {
        const results = await runAll(client, country, json === true);
        if (json) printJson(results);
        else for (const line of summaryLines(results)) print(line);
        if (results.some(({ wrong }) => wrong.length > 0)) process.exitCode = 1;
      } finally {
        await client.close();
      }
    });

const runAll = async (client: Client, country: string, quiet: boolean): Promise<RowResult[]> => {
  const few = await takeIn(client);
  const beyond = await beyondStock(client, few);
  const width = Math.max(...demoRows.map(({ label }) => label.length));
  const lines = groupedLines(
    demoRows.map(({ label }) => label),
    (label, line) => {
      if (!quiet) print(`${colours.dim(`${label.padEnd(width)} │`)} ${line}`);
    },
  );
  const run = async (row: DemoRow): Promise<RowResult> => {
    const write = (line: string) => lines.line(row.label, line);
    write(colours.bold(row.title));
    const bought = row.beyondStock ? beyond : few;
    const result = await runRow(row, { client, clock, ids, country, lines: bought, print: write });
    write(verdict(result));
    lines.end(row.label);
    return result;
  };
  return Promise.all(demoRows.map(run));
};

const pieces = 2;

/** Takes in what the demo sells, so that it also runs where there is no demo catalogue, or nothing is left of it. */
const takeIn = async (client: Client): Promise<Bought[]> => {
  const articles = demoCatalogue.slice(0, 2);
  await Promise.all(
    articles.map(({ sku }) =>
      client.ask('POST', `/inventory/${encodeURIComponent(sku)}/receipts`, {
        body: { quantity: pieces * demoRows.length },
        headers: { 'idempotency-key': ids.next() },
      }),
    ),
  );
  return articles.map(({ sku, unitPrice }) => ({ sku, quantity: pieces, unitPrice }));
};

const muchMore = 1_000;

/** The same, but far more of the last article than there is. */
const beyondStock = async (client: Client, bought: readonly Bought[]): Promise<Bought[]> => {
  const last = bought.at(-1) as Bought;
  const { body } = await client.ask('GET', `/inventory/${encodeURIComponent(last.sku)}`);
  return [...bought.slice(0, -1), { ...last, quantity: Stock.parse(body).onHand + muchMore }];
};

const verdict = ({ wrong, orderId }: RowResult) =>
  wrong.length === 0
    ? colours.green(`✓ as expected (order ${orderId})`)
    : colours.red(`✗ ${wrong.join('; ')} (order ${orderId})`);

const summaryLines = (results: readonly RowResult[]): string[] => [
  '',
  ...tableLines([
    ['row', 'saga', 'commands', 'end', ''],
    ...results.map(
      ({ label, version, commands, state, because, cancellationRefused, cancelStatus, wrong }) => [
        label,
        version === undefined ? '' : `version ${version}`,
        commands.join(' '),
        [
          state,
          ...(because === null ? [] : [`(${because})`]),
          ...(cancellationRefused ? ['(cancellationRefused)'] : []),
          ...(cancelStatus === 409 ? ['(cancelling: 409)'] : []),
        ].join(' '),
        wrong.length === 0
          ? { text: '✓ as expected', paint: colours.green }
          : { text: `✗ ${wrong.join('; ')}`, paint: colours.red },
      ],
    ),
  ]),
];
