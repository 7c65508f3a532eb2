import { foregroundClock } from '@recourse/infra/system';
import { Command } from 'commander';
import { connect, serverUrl } from '../client.ts';
import type { Environment } from '../config.ts';
import { followSaga } from '../follow.ts';
import { sinceText, stepLine, stepsOf } from '../steps.ts';
import { complain, print } from '../terminal.ts';
import { examples, urlOption } from './options.ts';

const goneMsMax = 60_000;

/** `recourse watch`: an order's steps as they happen, until its end. */
export const watchCommand = (environment: Environment): Command =>
  new Command('watch')
    .description('Show the steps of one order as they happen, until its end')
    .argument('<id>', 'the order')
    .option('--json', 'one event a line, as a CloudEvent')
    .addOption(urlOption())
    .addHelpText('after', examples('recourse watch 019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f'))
    .action(async (id: string, options: { json?: true; url?: string }) => {
      const client = connect(serverUrl(options.url, environment));
      try {
        let began: number | undefined;
        const events = followSaga(client, id, {
          clock: foregroundClock,
          goneMsMax,
          onBroken: () => complain('The connection broke; trying again.'),
        });
        for await (const event of events) {
          if (options.json) {
            print(JSON.stringify(event));
            continue;
          }
          began ??= Date.parse(event.time);
          for (const step of stepsOf(event))
            print(`${sinceText(step.time - began).padStart(12)} ${stepLine(step)}`);
        }
      } finally {
        await client.close();
      }
    });
