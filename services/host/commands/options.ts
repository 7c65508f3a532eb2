import { StartError } from '@recourse/infra/errors';
import { type Command, Option } from 'commander';
import { type Flags, flagOf, settingNames } from '../config.ts';
import { settings } from '../settings.ts';

/** Gives a command one option for each setting; `Flags` are its `opts()`. */
export const addSettingOptions = (command: Command): Command => {
  for (const name of settingNames) {
    const setting = settings[name];
    const value =
      setting.unit === 'true or false' ? '[true|false]' : `<${setting.unit.replaceAll(' ', '-')}>`;
    command.addOption(
      new Option(
        `${flagOf(setting)} ${value}`,
        `${setting.sentence} (${setting.variable}; default: ${setting.default})`,
      ),
    );
  }
  return command;
};

/** The settings among a command's options. */
export const flagsOf = (options: Record<string, unknown>): Flags =>
  Object.fromEntries(
    settingNames.flatMap((name) => {
      const value = options[name];
      return value === true || typeof value === 'string' ? [[name, value]] : [];
    }),
  );

/** Examples under a command's help. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;

/** `--url`, of every command that speaks to a server. */
export const urlOption = (): Option =>
  new Option('--url <url>', 'the server (default: RECOURSE_URL, or the PORT of this machine)');

/** Gives a command `--url` and `--data-dir`: it speaks to a server, and opens the folder itself where none runs. */
export const withWhere = (command: Command): Command =>
  command
    .addOption(urlOption())
    .addOption(
      new Option(
        '--data-dir <folder>',
        'the data folder, with a server or without (default: DATA_DIR, or ./data)',
      ),
    );

/** What every command that has `withWhere` and `--json` is given. */
export type WhereOptions = { readonly json?: true; readonly url?: string; readonly dataDir?: string };

/** A flag's value that is none of those it may have; `allowed` completes "it must be …". */
export const invalidFlag = (flag: string, text: string, allowed: string): StartError =>
  new StartError('invalid-flag', `${flag} is ${JSON.stringify(text)}: it must be ${allowed}.`);

/** A flag's value as a whole number from 1 to `max`, in so many digits at most. Throws `StartError`. */
export const wholeNumber = (flag: string, text: string, max: number, digitsMax = 6): number => {
  const value = /^\d+$/.test(text) && text.length <= digitsMax ? Number(text) : 0;
  if (value < 1 || value > max) throw invalidFlag(flag, text, `a whole number from 1 to ${max}`);
  return value;
};
