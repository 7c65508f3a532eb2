import type { CloudEvent } from '@recourse/contracts/envelope';
import { History } from '@recourse/contracts/http';
import { addressee } from '@recourse/contracts/registry';
import { foregroundClock } from '@recourse/infra/system';
import { Command } from 'commander';
import type { Client } from '../client.ts';
import type { Environment } from '../config.ts';
import { endsSaga, followSaga } from '../follow.ts';
import { type Reached, reaching } from '../reach.ts';
import { storyHead, storyRight, storyRow, storyTeller } from '../story.ts';
import { complain, print, printJson, tableLines } from '../terminal.ts';
import { examples, type WhereOptions, withWhere } from './options.ts';

type Options = WhereOptions & {
  readonly follow?: true;
};

const goneMsMax = 60_000;

/** `recourse history`: everything that happened to an order, what caused what, with the times between. */
export const historyCommand = (environment: Environment): Command =>
  withWhere(
    new Command('history')
      .description(
        'Show one order across all its streams: who did what because of what, with the times between',
      )
      .argument('<id>', 'the order')
      .option('--json', 'as JSON: the events as CloudEvents; with --follow one a line')
      .option('--follow', 'go on as things happen, until the saga ends'),
  )
    .addHelpText(
      'after',
      examples(
        'recourse history 019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f',
        'recourse history <id> --follow',
        'recourse history <id> --json | jq .events[].type',
        'recourse history <id> --data-dir backup-2026-01-31',
      ),
    )
    .action((id: string, options: Options) =>
      reaching(environment, options, (client, reached) =>
        options.follow ? follow(reached, id, options) : show(client, id, options),
      ),
    );

const historyOf = async (client: Client, id: string): Promise<History> => {
  const { body } = await client.ask('GET', `/sagas/${encodeURIComponent(id)}/history`);
  return History.parse(body);
};

const show = async (client: Client, id: string, { json }: Options) => {
  const history = await historyOf(client, id);
  if (json) return printJson(history);
  const { events } = history;
  const rows = storyTeller().tell(events).map(storyRow);
  for (const line of tableLines([storyHead, ...rows], storyRight)) print(line);
  const [first, last] = [events[0], events.at(-1)].map((event) => Date.parse(event?.time ?? ''));
  print(`\n${events.length} events in ${(((last ?? 0) - (first ?? 0)) / 1_000).toFixed(3)} s`);
};

const follow = async ({ client, running }: Reached, id: string, { json }: Options) => {
  const teller = storyTeller();
  let isFirst = true;
  let ended = false;
  for await (const events of news(client, id, running)) {
    ended = events.some(endsSaga);
    if (json) {
      for (const event of events) print(JSON.stringify(event));
      continue;
    }
    const lines = tableLines([storyHead, ...teller.tell(events).map(storyRow)], storyRight);
    for (const line of isFirst ? lines : lines.slice(1)) print(line);
    isFirst = false;
  }
  if (!running && !ended) complain('No server runs there: nothing more happens until one does.');
};

/**
 * The events of an order, those that are there first, until its saga ends. What comes is learned from the stream of
 * its events and read from its history, which alone has what was moved in the stock at its place.
 */
async function* news(client: Client, id: string, running: boolean): AsyncGenerator<CloudEvent[]> {
  const seen = new Set<string>();
  const unseen = async () => {
    const { events } = await historyOf(client, id);
    const fresh = events.filter((event) => !seen.has(event.id));
    for (const event of fresh) seen.add(event.id);
    return fresh;
  };
  const past = await unseen();
  yield past;
  if (!running || past.some(endsSaga)) return;
  const stream = followSaga(client, id, {
    clock: foregroundClock,
    goneMsMax,
    onBroken: () => complain('The connection broke; trying again.'),
  });
  for await (const event of stream) {
    if (event.type in addressee || seen.has(event.id)) continue;
    const fresh = await unseen();
    yield fresh;
    if (fresh.some(endsSaga)) return;
  }
}
