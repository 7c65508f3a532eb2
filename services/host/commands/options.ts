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

/** `--url` and `--data-dir`, of every command that speaks to a server and opens the folder itself where none runs. */
export const whereOptions = (): readonly Option[] => [
  urlOption(),
  new Option(
    '--data-dir <folder>',
    'the data folder, with a server or without (default: DATA_DIR, or ./data)',
  ),
];
