import type { Order, OrderRequest } from '@recourse/contracts/http';
import { Currency } from '@recourse/contracts/money';
import { StartError } from '@recourse/infra/errors';
import { systemIds } from '@recourse/infra/system';
import { Command, Option } from 'commander';
import { connect, serverUrl } from '../client.ts';
import type { Environment } from '../config.ts';
import { demoCatalogue } from '../demo-catalogue.ts';
import { decimalsOf, formatMoney, parsePrice } from '../money.ts';
import { colours, print, printJson, visible } from '../terminal.ts';
import { examples, urlOption } from './options.ts';

type Options = {
  readonly line: readonly string[];
  readonly customer?: string;
  readonly currency: string;
  readonly country: string;
  readonly token: string;
  readonly key?: string;
  readonly wait?: string | true;
  readonly json?: true;
  readonly url?: string;
};

const waitSeconds = '60';

/** `recourse order`: places one order. */
export const orderCommand = (environment: Environment): Command =>
  new Command('order')
    .description('Place one order; by default one of the demo catalogue')
    .addOption(
      new Option('--line <sku:quantity:price>', 'a line, with its unit price as in 3.39; as often as needed')
        .default([], 'two articles of the demo catalogue')
        .argParser((text: string, before: readonly string[]) => [...before, text]),
    )
    .option('--customer <id>', 'who orders (default: a guest)')
    .option('--currency <code>', 'ISO 4217 code', 'GBP')
    .option('--country <name>', 'where it is shipped to', 'United Kingdom')
    .option('--token <token>', "the payment provider's token; test tokens make it fail", 'tok_accepted')
    .option(
      '--key <key>',
      'Idempotency-Key: the same key and order again is no second order (default: a new one)',
    )
    .option('--wait [seconds]', `wait for the end, at most so long (default: ${waitSeconds})`)
    .option('--json', "as JSON: the server's answer")
    .addOption(urlOption())
    .addHelpText(
      'after',
      examples(
        'recourse order --wait',
        'recourse order --line MUG-POLKADOT:6:2.49 --line LANTERN-WHITE:1:3.39 --customer 17850',
        'recourse order --token tok_declined --wait',
      ),
    )
    .action(async (options: Options) => {
      const request = requestOf(options);
      const client = connect(serverUrl(options.url, environment));
      try {
        const wait = options.wait === true ? waitSeconds : options.wait;
        const { body } = await client.ask('POST', '/orders', {
          body: request,
          headers: {
            'idempotency-key': options.key ?? systemIds.next(),
            ...(wait !== undefined && { prefer: `wait=${secondsOf(wait)}` }),
          },
        });
        if (options.json) printJson(body);
        else for (const line of orderLines(body as Order)) print(line);
      } finally {
        await client.close();
      }
    });

const secondsOf = (text: string): number => {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new StartError(
    'invalid-flag',
    `--wait is ${JSON.stringify(text)}: it must be a whole number of seconds from 1 to 9999.`,
  );
};

/** What is not checked here, the server checks. */
const requestOf = ({ line, customer, currency, country, token }: Options) => {
  if (!Currency.safeParse(currency).success) {
    throw new StartError(
      'invalid-flag',
      `--currency is ${JSON.stringify(currency)}: it must be an ISO 4217 code in capitals.`,
    );
  }
  const decimals = decimalsOf(currency);
  const lines =
    line.length > 0
      ? line.map((text) => lineOf(text, decimals))
      : demoCatalogue.slice(0, 2).map(({ sku, unitPrice }) => ({ sku, quantity: 1, unitPrice }));
  return {
    ...(customer !== undefined && { customerId: customer }),
    currency,
    country,
    paymentToken: token,
    lines,
  } as OrderRequest;
};

/** A SKU may contain colons: quantity and price are the last two parts. */
const lineOf = (text: string, decimals: number) => {
  const [, sku = '', quantity = '', price = ''] = /^(.+):([^:]*):([^:]*)$/.exec(text) ?? [];
  const unitPrice = parsePrice(price, decimals);
  if (sku === '' || !/^[1-9]\d{0,9}$/.test(quantity) || typeof unitPrice !== 'number') {
    throw new StartError(
      'invalid-flag',
      `--line is ${JSON.stringify(text)}: it must be sku:quantity:price, such as MUG-POLKADOT:6:2.49 (price with at most ${decimals} decimals).`,
    );
  }
  return { sku, quantity: Number(quantity), unitPrice };
};

const orderLines = (order: Order): string[] => {
  const paint =
    order.state === 'completed' ? colours.green : order.state === 'cancelled' ? colours.yellow : colours.cyan;
  const because = order.because === null ? '' : ` (${order.because})`;
  return [
    `Order ${order.orderId}: ${paint(order.state)}${because}, ${formatMoney(order.total, order.currency)}`,
    `  payment ${order.payment}, inventory ${order.inventory}, shipping ${order.shipping}`,
    ...order.shortages.map(
      ({ sku, requested, onHand }) => `  ${visible(sku)}: ${requested} asked for, ${onHand} there`,
    ),
    order.endedAt === null
      ? `Follow it: recourse watch ${order.orderId}`
      : `Its history: recourse history ${order.orderId}`,
  ];
};
