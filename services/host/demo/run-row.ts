import type { CommandName } from '@recourse/contracts/commands';
import type { CloudEvent } from '@recourse/contracts/envelope';
import type { EventData } from '@recourse/contracts/events';
import { Order } from '@recourse/contracts/http';
import type { Clock } from '@recourse/infra/ports/clock';
import type { Ids } from '@recourse/infra/ports/ids';
import { type Client, problemOf } from '../client.ts';
import { followSaga } from '../follow.ts';
import { type Step, sinceText, stepLine, stepsOf } from '../steps.ts';
import { colours } from '../terminal.ts';
import { type DemoRow, type Expected, served, ways } from './rows.ts';

/** What a row came to: `wrong` says what is not as expected, and is empty when all is. */
export type RowResult = {
  readonly label: string;
  readonly orderId: string;
  /** Of its saga; undefined where that never began. */
  readonly version: number | undefined;
  readonly state: string;
  readonly because: string | null;
  readonly cancellationRefused: boolean;
  readonly cancelStatus: number | undefined;
  readonly commands: readonly CommandName[];
  readonly wrong: readonly string[];
};

/** A line of an order: what the demo buys. */
export type Bought = { readonly sku: string; readonly quantity: number; readonly unitPrice: number };

/** What a row needs. */
export type RowOptions = {
  readonly client: Client;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly country: string;
  readonly lines: readonly Bought[];
  readonly print: (line: string) => void;
};

const goneMsMax = 30_000;

/** Places the row's order, shows each of its steps as it happens, cancels where the row says so, and judges the end. */
export const runRow = async (row: DemoRow, options: RowOptions): Promise<RowResult> => {
  const { client, clock, print } = options;
  const { orderId } = await place(row, options);
  const commands = new Map<string, CommandName>();
  let began: number | undefined;
  let version: number | undefined;
  let cancelling: Promise<number> | undefined;

  const show = (step: Step) => {
    began ??= step.time;
    if (step.kind === 'command') {
      const again = commands.has(step.id) ? ' (asked again)' : '';
      commands.set(step.id, step.name as CommandName);
      print(`${sinceText(step.time - began).padStart(10)} ${stepLine(step)}${again}`);
    } else {
      print(`${sinceText(step.time - began).padStart(10)} ${stepLine(step)}`);
    }
  };

  const cancel = async (): Promise<number> => {
    const answer = await client.send('POST', `/orders/${orderId}/cancel`);
    const told = answer.status < 300 ? 'accepted' : problemOf(client.url, answer).code;
    print(`${' '.repeat(10)} ${colours.yellow(`! the customer cancels: ${answer.status} ${told}`)}`);
    return answer.status;
  };

  for await (const event of followSaga(client, orderId, { clock, goneMsMax })) {
    for (const step of stepsOf(event)) show(step);
    version ??= versionOf(event);
    if (row.cancelAfter?.some((type) => type === event.type)) cancelling ??= cancel();
  }
  const cancelStatus = await cancelling;
  const order = Order.parse((await client.ask('GET', `/orders/${orderId}`)).body);
  const { state, because, cancellationRefused } = order;
  const came = {
    version,
    state,
    because,
    cancellationRefused,
    cancelStatus,
    commands: [...commands.values()],
  };
  return { label: row.label, orderId, ...came, wrong: differences(row.expected, came) };
};

const versionOf = ({ type, data }: CloudEvent): number | undefined =>
  type === 'SagaAdvanced' ? (data as EventData['SagaAdvanced']).machine.version : undefined;

const place = async (row: DemoRow, { client, ids, country, lines }: RowOptions): Promise<Order> => {
  const answer = await client.ask('POST', '/orders', {
    body: {
      customerId: 'demo',
      currency: 'GBP',
      country: row.country === served ? country : row.country,
      paymentToken: row.paymentToken,
      lines,
    },
    headers: { 'idempotency-key': ids.next() },
  });
  return Order.parse(answer.body);
};

const differences = (
  expected: Expected,
  came: Pick<
    RowResult,
    'version' | 'state' | 'because' | 'cancellationRefused' | 'cancelStatus' | 'commands'
  >,
): string[] => {
  const wrong: string[] = [];
  const compare = (what: string, wanted: unknown, got: unknown) => {
    if (String(wanted) !== String(got)) wrong.push(`${what} is ${String(got)}, not ${String(wanted)}`);
  };
  compare('state', expected.state, came.state);
  compare('because', expected.because, came.because);
  compare('cancellationRefused', expected.cancellationRefused, came.cancellationRefused);
  compare('the answer to cancelling', expected.cancelStatus, came.cancelStatus);
  const way = ways[came.version ?? 0];
  if (way === undefined) wrong.push(`its saga is of version ${came.version}, which this demo does not know`);
  else compare('commands', expected.commands(way).join(' '), came.commands.join(' '));
  return wrong;
};
