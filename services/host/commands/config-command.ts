import { Command } from 'commander';
import { type Config, type Environment, readConfig, type SettingNow, settingsNow } from '../config.ts';
import { colours, print, printJson, tableLines, visible } from '../terminal.ts';
import { addSettingOptions, examples, flagsOf } from './options.ts';

/** `recourse config`: every setting, its default, its value now and where that came from. Checks them, too. */
export const configCommand = (environment: Environment): Command =>
  addSettingOptions(
    new Command('config')
      .description('List all settings: their defaults, the values in use, and where those came from')
      .option('--json', 'as JSON')
      .addHelpText(
        'after',
        examples(
          'recourse config',
          'PORT=4000 recourse config --json',
          'recourse config --data-dir /var/lib/recourse',
        ),
      ),
  ).action((options: Record<string, unknown>) => {
    const flags = flagsOf(options);
    const now = settingsNow(flags, environment);
    const config = readConfig(flags, environment);
    if (options.json === true)
      printJson(now.map((setting) => ({ ...asJson(setting), value: valueShown(setting, config) })));
    else for (const line of lines(now)) print(line);
  });

const hidden = '(secret)';

/** As it is used; a secret only says whether it is set. */
const valueShown = ({ name, secret, text }: SettingNow, config: Config) => {
  const value = config[name];
  if (secret === true) return text === '' ? null : hidden;
  return value instanceof Set ? [...value] : (value ?? null);
};

const asJson = ({
  name,
  flag,
  variable,
  default: byDefault,
  unit,
  sentence,
  allowed,
  source,
}: SettingNow) => ({
  name,
  flag,
  variable,
  default: byDefault,
  unit,
  sentence,
  allowed,
  source,
});

const lines = (now: readonly SettingNow[]) => {
  const rows = now.map(({ variable, flag, text, unit, source, secret }) => [
    variable,
    flag,
    {
      text: secret === true && text !== '' ? hidden : visible(text),
      paint: source === 'default' ? String : colours.cyan,
    },
    unit === 'true or false' ? '' : unit,
    source,
  ]);
  const short = rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? cell : { ...cell, text: cut(cell.text) })),
  );
  return [
    ...tableLines([['variable', 'flag', 'value', 'unit', 'from'], ...short]),
    '',
    ...now.flatMap(({ variable, sentence, allowed, default: byDefault }) => [
      `${colours.bold(variable)}: ${sentence}`,
      colours.dim(`  ${allowed}; default: ${byDefault}`),
    ]),
  ];
};

const shownMax = 44;
const cut = (text: string) => (text.length > shownMax ? `${text.slice(0, shownMax - 1)}…` : text);
