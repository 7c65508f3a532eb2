import { Ledger } from '@recourse/contracts/http';
import { Command } from 'commander';
import { connect, serverUrl } from '../client.ts';
import type { Environment } from '../config.ts';
import { ledgerLines } from '../ledger-lines.ts';
import { print, printJson } from '../terminal.ts';
import { examples, urlOption } from './options.ts';

/** `recourse ledger`: do log, stock and books agree? Exit code 1 when they do not. */
export const ledgerCommand = (environment: Environment): Command =>
  new Command('ledger')
    .description('Compare money, stock, and the books of provider and carrier with the log')
    .option('--json', 'as JSON')
    .addOption(urlOption())
    .addHelpText('after', examples('recourse ledger', 'recourse ledger --json | jq .violations'))
    .action(async (options: { json?: true; url?: string }) => {
      const client = connect(serverUrl(options.url, environment));
      try {
        const { body } = await client.ask('GET', '/ledger');
        const ledger = Ledger.parse(body);
        if (options.json) printJson(ledger);
        else for (const line of ledgerLines(ledger)) print(line);
        if (ledger.violations.length > 0) process.exitCode = 1;
      } finally {
        await client.close();
      }
    });
