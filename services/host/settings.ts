import { knownVersion, sagaVersions } from '@recourse/sagas/machines';
import { servedCountriesDefault } from '@recourse/shipping/test-countries';
import { z } from 'zod';

/**
 * The table of all settings. Each is one line of text from a flag, the environment or its default; its schema reads
 * that text, and `allowed` says to people what the schema takes.
 */

/** What a setting is, besides its value. */
export type Setting<T extends z.ZodType = z.ZodType> = {
  /** The environment variable; the flag is its kebab case. */
  readonly variable: string;
  /** The default, as one would write it. */
  readonly default: string;
  readonly unit: string;
  /** What it does, in a sentence. */
  readonly sentence: string;
  /** Completes "it must be …". */
  readonly allowed: string;
  /** Reads the text. */
  readonly schema: T;
};

type Words = Pick<Setting, 'variable' | 'default' | 'unit' | 'sentence'>;

const wholeText = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);

const wholeNumber = (min: number, max: number, words: Words) => ({
  ...words,
  allowed: `a whole number from ${min} to ${max}`,
  schema: wholeText.pipe(z.int().min(min).max(max)),
});

const delaysCountMax = 20;
const delayMsMax = 3_600_000;

const delays = (words: Words) => ({
  ...words,
  allowed: `1 to ${delaysCountMax} whole numbers from 1 to ${delayMsMax}, separated by commas`,
  schema: z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(
      z
        .array(wholeText.pipe(z.int().min(1).max(delayMsMax)))
        .min(1)
        .max(delaysCountMax),
    ),
});

const trueOrFalse = (words: Words) => ({
  ...words,
  allowed: 'true or false',
  schema: z.enum(['true', 'false']).transform((text) => text === 'true'),
});

const oneOf = <const T extends readonly [string, ...string[]]>(names: T, words: Words) => ({
  ...words,
  allowed: `one of ${names.join(', ')}`,
  schema: z.enum(names),
});

const countriesCountMax = 500;

/** All settings, in the order in which they are listed. */
export const settings = {
  port: wholeNumber(0, 65_535, {
    variable: 'PORT',
    default: '3000',
    unit: 'TCP port',
    sentence: 'Where the HTTP API listens; 0 takes any free port.',
  }),
  host: {
    variable: 'HOST',
    default: '127.0.0.1',
    unit: 'address',
    sentence: 'The address it listens on; only loopback without --allow-unauthenticated.',
    allowed: 'an IP address or a host name',
    schema: z.union([
      z.ipv4(),
      z.ipv6(),
      z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/),
    ]),
  },
  dataDir: {
    variable: 'DATA_DIR',
    default: './data',
    unit: 'folder',
    sentence: 'Where everything is kept; made when it is missing.',
    allowed: 'the path of a folder',
    schema: z.string().min(1).max(4_096),
  },
  allowUnauthenticated: trueOrFalse({
    variable: 'ALLOW_UNAUTHENTICATED',
    default: 'false',
    unit: 'true or false',
    sentence: 'Listens on other addresses than loopback although nobody is asked who they are.',
  }),
  openOrdersMax: wholeNumber(1, 1_000_000, {
    variable: 'OPEN_ORDERS_MAX',
    default: '10000',
    unit: 'orders',
    sentence: 'With so many orders open a new one is answered 503 with Retry-After.',
  }),
  sagaVersion: {
    ...oneOf(sagaVersions.map(String) as [string, ...string[]], {
      variable: 'SAGA_VERSION',
      default: '1',
      unit: 'version',
      sentence: 'The version of the saga on which new orders begin; open ones stay on theirs.',
    }),
    schema: z.enum(sagaVersions.map(String)).transform((text) => knownVersion(Number(text))),
  },
  sagaRampPercent: wholeNumber(0, 100, {
    variable: 'SAGA_RAMP_PERCENT',
    default: '100',
    unit: 'percent',
    sentence: 'How many new orders of a hundred begin on SAGA_VERSION; the others, on the version before.',
  }),
  orderDeadlineMs: wholeNumber(1_000, 2_000_000_000, {
    variable: 'ORDER_DEADLINE_MS',
    default: '300000',
    unit: 'ms',
    sentence: 'An order still open after that is flagged for a person.',
  }),
  askDelaysMs: delays({
    variable: 'ASK_DELAYS_MS',
    default: '1000,2000,5000,10000,20000',
    unit: 'ms',
    sentence:
      'After which delays a command is asked again, each in turn, the last one again and again; after five asks that counted the outcome is unknown.',
  }),
  callMsMax: wholeNumber(1, 60_000, {
    variable: 'CALL_MS_MAX',
    default: '5000',
    unit: 'ms',
    sentence: 'The longest that one call to the payment provider or the carrier may take.',
  }),
  gatewayLatencyMs: wholeNumber(0, 60_000, {
    variable: 'GATEWAY_LATENCY_MS',
    default: '0',
    unit: 'ms',
    sentence: 'How long the simulated payment provider takes for a call.',
  }),
  carrierLatencyMs: wholeNumber(0, 60_000, {
    variable: 'CARRIER_LATENCY_MS',
    default: '0',
    unit: 'ms',
    sentence: 'How long the simulated carrier takes for a call.',
  }),
  slowMs: wholeNumber(0, 600_000, {
    variable: 'SLOW_MS',
    default: '3000',
    unit: 'ms',
    sentence: 'How long the simulated provider and carrier take for a call that is asked to be slow.',
  }),
  carrierCountries: {
    variable: 'CARRIER_COUNTRIES',
    default: servedCountriesDefault.join(','),
    unit: 'names',
    sentence: 'The countries that the simulated carrier serves, by the names that orders use; * serves all.',
    allowed: `* or 1 to ${countriesCountMax} names of 1 to 64 characters, separated by commas`,
    schema: z
      .string()
      .transform((text) => text.split(',').map((name) => name.trim()))
      .pipe(z.array(z.string().min(1).max(64)).min(1).max(countriesCountMax)),
  },
  demoStock: trueOrFalse({
    variable: 'DEMO_STOCK',
    default: 'true',
    unit: 'true or false',
    sentence: 'Puts a small catalogue with stock into an empty data folder.',
  }),
  logLevel: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    variable: 'LOG_LEVEL',
    default: 'info',
    unit: 'level',
    sentence: 'What is logged, on stderr.',
  }),
  logFormat: oneOf(['auto', 'json', 'pretty'], {
    variable: 'LOG_FORMAT',
    default: 'auto',
    unit: 'format',
    sentence: 'How it is logged: a JSON object a line, or for people; auto is for people on a terminal.',
  }),
  shutdownMsMax: wholeNumber(100, 600_000, {
    variable: 'SHUTDOWN_MS_MAX',
    default: '10000',
    unit: 'ms',
    sentence: 'The longest that stopping may take; then the process leaves as it is.',
  }),
  retryDelaysMs: delays({
    variable: 'RETRY_DELAYS_MS',
    default: '1000,5000,20000,60000',
    unit: 'ms',
    sentence:
      'How long a message that could not be handled waits before each new try; then it is a dead letter.',
  }),
  waitSecondsMax: wholeNumber(1, 600, {
    variable: 'WAIT_SECONDS_MAX',
    default: '60',
    unit: 's',
    sentence: 'The longest that POST /orders waits for the end when asked to (Prefer: wait).',
  }),
} as const satisfies Record<string, Setting>;
