import { Foreign } from '@recourse/contracts/answers';
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
  /** Never shown, in whole or in part. */
  readonly secret?: true;
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

/** A text that may be left out: empty is not set. */
const optional = <T extends z.ZodType>(schema: T) =>
  z.union([z.literal('').transform(() => undefined), schema]);

const urlOf = (protocols: readonly string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol));

/** What runs in a process, as `--role` names it. */
export const roles = [
  'api',
  'orchestrator',
  'relay',
  'ingest',
  'projector',
  'timers',
  'order',
  'payment',
  'inventory',
  'shipping',
] as const;
export type Role = (typeof roles)[number];

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
  role: {
    variable: 'ROLE',
    default: 'all',
    unit: 'names',
    sentence:
      'What this process does of a distributed installation; without Kafka one process does everything.',
    allowed: `all, or some of ${roles.join(', ')}, separated by commas`,
    schema: z
      .string()
      .transform((text) => (text === 'all' ? [...roles] : text.split(',').map((name) => name.trim())))
      .pipe(z.array(z.enum(roles)).min(1))
      .transform((names): ReadonlySet<Role> => new Set(names)),
  },
  foreign: {
    variable: 'FOREIGN',
    default: '',
    unit: 'names',
    sentence:
      'Participants that are somebody else’s program, which answers on their replies topic: no process of Recourse obeys their commands. Orders and stock are always Recourse’s own.',
    allowed: 'some of payment, shipping, separated by commas',
    schema: z
      .string()
      .transform((text) => (text === '' ? [] : text.split(',').map((name) => name.trim())))
      .pipe(z.array(Foreign))
      .transform((names): ReadonlySet<Foreign> => new Set(names)),
  },
  development: trueOrFalse({
    variable: 'DEVELOPMENT',
    default: 'false',
    unit: 'true or false',
    sentence: 'Accepts a Kafka whose settings could lose data, as one of a single broker for development.',
  }),
  startWaitMsMax: wholeNumber(0, 3_600_000, {
    variable: 'START_WAIT_MS_MAX',
    default: '60000',
    unit: 'ms',
    sentence: 'How long a process waits at its start for Kafka and the databases, before it gives up.',
  }),
  kafkaBrokers: {
    variable: 'KAFKA_BROKERS',
    default: '',
    unit: 'addresses',
    sentence: 'The Kafka brokers to begin with; setting it makes the installation a distributed one.',
    allowed: 'host:port, several separated by commas',
    schema: optional(
      z
        .string()
        .transform((text) => text.split(',').map((address) => address.trim()))
        .pipe(z.array(z.string().regex(/^[^\s:/@]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/)).min(1)),
    ),
  },
  kafkaTopicPrefix: {
    variable: 'KAFKA_TOPIC_PREFIX',
    default: '',
    unit: 'text',
    sentence: 'Stands before the name of every topic and consumer group, such as `shop.`.',
    allowed: 'up to 100 letters, digits, dots, dashes and underscores',
    schema: z.string().regex(/^[A-Za-z0-9._-]{0,100}$/),
  },
  kafkaPartitions: wholeNumber(1, 1_000, {
    variable: 'KAFKA_PARTITIONS',
    default: '12',
    unit: 'partitions',
    sentence: 'How many partitions each topic has; never changed once there are orders.',
  }),
  kafkaReplicationFactor: wholeNumber(1, 10, {
    variable: 'KAFKA_REPLICATION_FACTOR',
    default: '3',
    unit: 'copies',
    sentence:
      'On how many brokers each partition is kept; topics are made with one in-sync replica fewer as the least.',
  }),
  kafkaTls: trueOrFalse({
    variable: 'KAFKA_TLS',
    default: 'false',
    unit: 'true or false',
    sentence: 'Speaks TLS with the Kafka brokers.',
  }),
  kafkaTlsCaFile: {
    variable: 'KAFKA_TLS_CA_FILE',
    default: '',
    unit: 'file',
    sentence: 'Certificates (PEM) that are trusted for Kafka, where those of the system are not enough.',
    allowed: 'the path of a file',
    schema: optional(z.string().max(4_096)),
  },
  kafkaSaslMechanism: oneOf(['none', 'plain', 'scram-sha-256', 'scram-sha-512'], {
    variable: 'KAFKA_SASL_MECHANISM',
    default: 'none',
    unit: 'name',
    sentence: 'How Kafka is told who we are; a name and a password go with it.',
  }),
  kafkaSaslUsername: {
    variable: 'KAFKA_SASL_USERNAME',
    default: '',
    unit: 'text',
    sentence: 'The name for KAFKA_SASL_MECHANISM.',
    allowed: 'up to 255 characters',
    schema: optional(z.string().max(255)),
  },
  kafkaSaslPassword: {
    variable: 'KAFKA_SASL_PASSWORD',
    default: '',
    unit: 'text',
    sentence: 'The password for KAFKA_SASL_MECHANISM.',
    allowed: 'up to 1,000 characters',
    schema: optional(z.string().max(1_000)),
    secret: true,
  },
  postgresUrl: {
    variable: 'POSTGRES_URL',
    default: '',
    unit: 'URL',
    sentence: 'The PostgreSQL database of a distributed installation.',
    allowed: 'postgres://user:password@host:port/database',
    schema: optional(urlOf(['postgres:', 'postgresql:'])),
    secret: true,
  },
  postgresSchema: {
    variable: 'POSTGRES_SCHEMA',
    default: 'recourse',
    unit: 'name',
    sentence: 'The schema that holds all tables.',
    allowed: '1 to 40 small letters, digits and underscores, a letter first',
    schema: z.string().regex(/^[a-z][a-z0-9_]{0,39}$/),
  },
  postgresConnectionsMax: wholeNumber(2, 200, {
    variable: 'POSTGRES_CONNECTIONS_MAX',
    default: '10',
    unit: 'connections',
    sentence:
      'The most connections of one process to PostgreSQL, besides four for the event log and a few that only listen.',
  }),
  eventstoreUrl: {
    variable: 'EVENTSTORE_URL',
    default: '',
    unit: 'URL',
    sentence: 'An EventStoreDB (KurrentDB) that keeps the event log; without it PostgreSQL keeps it.',
    allowed:
      'esdb://user:password@host:port?tls=true, or with esdb+discover, kurrentdb or kurrentdb+discover',
    schema: optional(z.string().regex(/^(esdb|kurrentdb)(\+discover)?:\/\/[^\s/?]+(\/?(\?\S*)?)$/)),
    secret: true,
  },
  relayShards: wholeNumber(1, 256, {
    variable: 'RELAY_SHARDS',
    default: '8',
    unit: 'shards',
    sentence: 'Into how many shards the relays share the orders; never changed while some run.',
  }),
} as const satisfies Record<string, Setting>;
