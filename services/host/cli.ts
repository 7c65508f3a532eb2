import { StartError } from '@recourse/infra/errors';
import { Command, CommanderError } from 'commander';
import { backupCommand } from './commands/backup.ts';
import { configCommand } from './commands/config-command.ts';
import { conformCommand } from './commands/conform.ts';
import { deadLettersCommand } from './commands/dead-letters.ts';
import { demoCommand } from './commands/demo.ts';
import { exportCommand } from './commands/export.ts';
import { historyCommand } from './commands/history.ts';
import { importCommand } from './commands/import.ts';
import { ledgerCommand } from './commands/ledger.ts';
import { loadCommand } from './commands/load.ts';
import { moveCommand } from './commands/move.ts';
import { examples } from './commands/options.ts';
import { orderCommand } from './commands/order.ts';
import { projectionsCommand } from './commands/projections.ts';
import { queryCommand } from './commands/query.ts';
import { restoreCommand } from './commands/restore.ts';
import { startCommand } from './commands/start.ts';
import { topicsCommand } from './commands/topics.ts';
import { verifyCommand } from './commands/verify.ts';
import { versionsCommand } from './commands/versions.ts';
import { watchCommand } from './commands/watch.ts';
import type { Environment } from './config.ts';
import { complain } from './terminal.ts';

/**
 * The `recourse` command: reads the arguments, runs what they name, and leaves the exit code in `process.exitCode`:
 * 0 when all is well, 1 otherwise (`verify` has more). What people did wrong is one message on stderr; only bugs show a stack.
 */
export const main = async (argv: readonly string[], environment: Environment): Promise<void> => {
  leaveQuietlyWhenNobodyReads();
  try {
    await program(environment).parseAsync(argv, { from: 'user' });
  } catch (error) {
    process.exitCode = failed(error);
  }
};

const program = (environment: Environment): Command => {
  const recourse = new Command('recourse')
    .description('Runs every order of a shop to a good end.')
    .enablePositionalOptions()
    .showHelpAfterError('(--help says what there is)')
    .exitOverride()
    .addHelpText(
      'after',
      examples('recourse start', 'recourse demo', 'recourse order --wait', 'recourse help load'),
    );
  const commands = [
    startCommand,
    demoCommand,
    orderCommand,
    watchCommand,
    historyCommand,
    exportCommand,
    importCommand,
    ledgerCommand,
    verifyCommand,
    deadLettersCommand,
    projectionsCommand,
    queryCommand,
    backupCommand,
    restoreCommand,
    versionsCommand,
    loadCommand,
    topicsCommand,
    moveCommand,
    conformCommand,
    configCommand,
  ].map((command) => command(environment));
  for (const command of commands) {
    recourse.addCommand(command.copyInheritedSettings(recourse));
    for (const below of command.commands) below.copyInheritedSettings(command);
  }
  return recourse;
};

const failed = (error: unknown): number => {
  // Commander has written its message already; --help and --version end here, too, with exit code 0.
  if (error instanceof CommanderError) return error.exitCode;
  if (error instanceof StartError) complain(error.message);
  else complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
};

/** `recourse history … | head` closes the pipe: that is no error. */
const leaveQuietlyWhenNobodyReads = () => {
  process.stdout.on('error', (error: Error & { code?: string }) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
};
