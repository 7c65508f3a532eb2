import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { StartError } from '@recourse/infra/errors';
import type { z } from 'zod';
import { type Setting, settings } from './settings.ts';

/** The name of a setting, as `Config` has it. */
export type SettingName = keyof typeof settings;

/** All settings, read and checked; units stand in the names. */
export type Config = { readonly [K in SettingName]: z.output<(typeof settings)[K]['schema']> };

/** Where a value came from. */
export type Source = 'flag' | 'environment' | 'default';

/** Values by flag, by the setting's name; a flag without a value is `true`. */
export type Flags = Partial<Record<SettingName, string | true>>;

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting as it stands. */
export type SettingNow = Setting & {
  readonly name: SettingName;
  readonly flag: string;
  /** The value in use, as text. */
  readonly text: string;
  readonly source: Source;
};

/** The flag of a setting: `--data-dir` of DATA_DIR. */
export const flagOf = (setting: Pick<Setting, 'variable'>): string =>
  `--${setting.variable.toLowerCase().replaceAll('_', '-')}`;

/** The names of all settings, in the order in which they are listed. */
export const settingNames = Object.keys(settings) as SettingName[];

/**
 * Every setting with the text in use and where that came from: flags before the environment before defaults. An
 * empty variable counts as not set. Nothing is checked yet.
 */
export const settingsNow = (flags: Flags, environment: Environment): SettingNow[] =>
  settingNames.map((name) => {
    const setting: Setting = settings[name];
    const flag = flags[name];
    const variable = environment[setting.variable];
    const [text, source]: [string, Source] =
      flag !== undefined
        ? [String(flag), 'flag']
        : variable !== undefined && variable !== ''
          ? [variable, 'environment']
          : [setting.default, 'default'];
    return { ...setting, name, flag: flagOf(setting), text, source };
  });

/**
 * Reads and checks all settings. Throws `StartError` that names every setting that is wrong, by flag and variable,
 * what was given and what is allowed.
 */
export const readConfig = (flags: Flags, environment: Environment): Config => {
  const wrong: string[] = [];
  const values = settingsNow(flags, environment).map((setting) => {
    const read = setting.schema.safeParse(setting.text);
    if (!read.success) wrong.push(complaint(setting));
    return [setting.name, read.data];
  });
  if (wrong.length > 0) throw new StartError('invalid-setting', wrong.join('\n'));
  const config = Object.fromEntries(values) as Config;
  if (!config.allowUnauthenticated && !isLoopback(config.host)) {
    throw new StartError(
      'not-loopback',
      `HOST (--host) is ${config.host}: others than this machine could reach it, and nobody is asked who they are. ` +
        'Listen on 127.0.0.1, or say --allow-unauthenticated (ALLOW_UNAUTHENTICATED=true) if that is wanted.',
    );
  }
  return config;
};

const shownMax = 200;

const complaint = ({ variable, flag, text, source, allowed, secret }: SettingNow) => {
  const shown = text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
  const from = source === 'flag' ? `by ${flag}` : 'in the environment';
  const is = secret === true ? 'is not what it must be, as given' : `is ${JSON.stringify(shown)}`;
  return `${variable} (${flag}) ${is} ${from}: it must be ${allowed}.`;
};

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether only this machine can reach a listener on that address. */
export const isLoopback = (host: string): boolean =>
  host.toLowerCase() === 'localhost' ||
  (isIPv4(host) && loopback.check(host, 'ipv4')) ||
  (isIPv6(host) && loopback.check(host, 'ipv6'));
