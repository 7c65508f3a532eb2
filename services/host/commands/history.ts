import { History } from '@recourse/contracts/http';
import { Command } from 'commander';
import { connect, serverUrl } from '../client.ts';
import type { Environment } from '../config.ts';
import { sinceText, stepsOf } from '../steps.ts';
import { colours, print, printJson, tableLines } from '../terminal.ts';
import { examples, urlOption } from './options.ts';

/** `recourse history`: everything that happened to an order, with the times between. */
export const historyCommand = (environment: Environment): Command =>
  new Command('history')
    .description('Show all events and commands of one order, with the times between')
    .argument('<id>', 'the order')
    .option('--json', 'as JSON: the events as CloudEvents')
    .addOption(urlOption())
    .addHelpText(
      'after',
      examples(
        'recourse history 019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f',
        'recourse history <id> --json | jq .events[].type',
      ),
    )
    .action(async (id: string, options: { json?: true; url?: string }) => {
      const client = connect(serverUrl(options.url, environment));
      try {
        const { body } = await client.ask('GET', `/sagas/${encodeURIComponent(id)}/history`);
        if (options.json) printJson(body);
        else for (const line of historyLines(History.parse(body))) print(line);
      } finally {
        await client.close();
      }
    });

const historyLines = ({ events }: History): string[] => {
  const steps = events.flatMap(stepsOf);
  const rows = steps.map((step, index) => {
    const between = index === 0 ? '' : sinceText(step.time - (steps[index - 1]?.time ?? step.time));
    const paint = step.kind === 'command' ? colours.cyan : step.who === 'saga' ? colours.dim : String;
    const name = { text: step.kind === 'command' ? `→ ${step.name}` : step.name, paint };
    return [new Date(step.time).toISOString(), between, step.who, name, step.detail];
  });
  const first = steps[0]?.time ?? 0;
  const last = steps.at(-1)?.time ?? 0;
  return [
    ...tableLines([['time', 'since', 'who', 'event or command', ''], ...rows], [1]),
    '',
    `${events.length} events in ${((last - first) / 1_000).toFixed(3)} s`,
  ];
};
