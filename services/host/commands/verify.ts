import { Verification } from '@recourse/contracts/http-verification';
import { StartError } from '@recourse/infra/errors';
import { sleep } from '@recourse/infra/ports/clock';
import { foregroundClock as clock } from '@recourse/infra/system';
import { Command } from 'commander';
import type { Client } from '../client.ts';
import type { Environment } from '../config.ts';
import { progressBar } from '../progress-bar.ts';
import { reaching } from '../reach.ts';
import { print, printJson } from '../terminal.ts';
import { verificationLines } from '../verification-lines.ts';
import { examples, type WhereOptions, withWhere } from './options.ts';

/** What the process leaves with, for scripts. */
const exitCodes: Readonly<Record<NonNullable<Verification['verdict']>, number>> = {
  clean: 0,
  incomplete: 1,
  drift: 2,
  damage: 3,
};

const lookAgainMs = 150;

/** `recourse verify`: is the log what was written, and does everything that follows from it agree with it? */
export const verifyCommand = (environment: Environment): Command =>
  withWhere(
    new Command('verify')
      .description(
        'Prove the log, the read models, the sagas, the commands and the books, while orders go on',
      )
      .option('--json', 'as JSON'),
  )
    .addHelpText(
      'after',
      `
Exit codes: 0 clean, 2 drift (something does not agree with the log), 3 damage (the log is not what was written),
1 it could not be done, or something could not be judged.
${examples('recourse verify', 'recourse verify --data-dir backup-2026-01-31', 'recourse verify --json | jq .verdict')}`,
    )
    .action((options: WhereOptions) =>
      reaching(environment, options, async (client) => {
        const verification = await verify(client, options.json === true);
        const { verdict, error } = verification;
        if (verdict === null)
          throw new StartError('verification-failed', `The verification could not be done: ${error}.`);
        if (options.json) printJson(verification);
        else for (const line of verificationLines(verification)) print(line);
        process.exitCode = exitCodes[verdict];
      }),
    );

const verify = async (client: Client, quiet: boolean): Promise<Verification> => {
  const started = Verification.parse((await client.ask('POST', '/verifications')).body);
  const bar = progressBar('{value} of {total} events | {rate} events/s | {left} s left', quiet);
  bar?.start(started.progress.total, 0, { rate: 0, left: '?' });
  try {
    for (let now = started; ; ) {
      if (now.state !== 'running') return now;
      await sleep(clock, lookAgainMs);
      now = Verification.parse((await client.ask('GET', `/verifications/${started.verificationId}`)).body);
      const { events, eventsPerSecond: rate, secondsLeft } = now.progress;
      bar?.update(events, { rate, left: secondsLeft === null ? '?' : secondsLeft });
    }
  } finally {
    bar?.stop();
  }
};
