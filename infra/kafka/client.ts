import { Kafka, type KafkaConfig, type LogEntry, logLevel } from 'kafkajs';
import type { Level, Logger } from 'pino';
import { mendLibrary } from './library.ts';

/** How Kafka is reached. */
export type KafkaSettings = {
  /** `host:port` of some brokers; the others are learned from them. */
  readonly brokers: readonly string[];
  /** What the brokers' own logs and quotas call us. */
  readonly clientId: string;
  /** Speaks TLS; `ca`: certificates (PEM) that are trusted instead of the system's. */
  readonly tls?: { readonly ca?: string } | true;
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
    readonly username: string;
    /** Secret. */
    readonly password: string;
  };
};

/**
 * How often, and after which delays (ms), the client library tries again: through a broker's restart. To be given to
 * every producer, consumer and admin client as well, for each has defaults of its own.
 */
export const retrySettings = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 60 } as const;

/**
 * What producers and consumers know of the brokers is asked anew after so long. A broker that is lost without a word
 * closes no connection, and a request that is not answered asks nothing anew: so this is how long who leads a partition
 * now can stay unknown.
 */
export const metadataMsMax = 30_000;

const connectMsMax = 5_000;
const requestMsMax = 15_000;

/**
 * A client of Kafka; nothing is connected yet. One for each consumer, because consumers of one client share the
 * offsets that it remembers. `retry`: for who would rather hear soon that Kafka cannot be reached.
 */
export const kafkaClient = (
  settings: KafkaSettings,
  logger: Logger,
  retry: KafkaConfig['retry'] & {} = retrySettings,
): Kafka => {
  mendLibrary();
  const { brokers, clientId, tls, sasl } = settings;
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(tls !== undefined && { ssl: tls === true || tls.ca === undefined ? true : { ca: [tls.ca] } }),
    ...(sasl !== undefined && { sasl: { ...sasl } as KafkaConfig['sasl'] & {} }),
    connectionTimeout: connectMsMax,
    authenticationTimeout: connectMsMax,
    requestTimeout: requestMsMax,
    enforceRequestTimeout: true,
    retry,
    logLevel: logLevel.INFO,
    logCreator: () => telling(logger),
  });
};

/**
 * Most of what the library calls an error is one attempt of many; what stays an error is told by who asked. So it
 * warns at the most.
 */
const levels: Readonly<Record<number, Level>> = {
  [logLevel.ERROR]: 'warn',
  [logLevel.WARN]: 'info',
  [logLevel.INFO]: 'debug',
  [logLevel.DEBUG]: 'trace',
};

/** What the library heals by itself, and yet a person has to know. */
const alarming = /^Offset out of range, resetting/;

/** The fields of an entry that are told; others could hold what was sent, or who we say we are. */
const told = ['broker', 'groupId', 'memberId', 'topic', 'partition', 'error', 'retryCount', 'retryTime'];

/** What is said again and again while a broker is away is told at its level so often at the most. */
const againMs = 10_000;
const rememberedMax = 100;

const telling = (logger: Logger) => {
  const toldAt = new Map<string, number>();
  return (entry: LogEntry): void => {
    const { message, timestamp } = entry.log;
    const at = Date.parse(timestamp);
    const isAgain = at - (toldAt.get(message) ?? 0) < againMs;
    if (!isAgain) {
      if (toldAt.size >= rememberedMax) toldAt.clear();
      toldAt.set(message, at);
    }
    tell(logger, entry, isAgain);
  };
};

const tell = (logger: Logger, { level, log }: LogEntry, isAgain: boolean): void => {
  const { message, ...fields } = log;
  const kept = Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => told.includes(name) && typeof value !== 'object'),
  );
  const usual = isAgain ? 'debug' : (levels[level] ?? 'debug');
  logger[alarming.test(message) ? 'error' : usual](kept, `kafka: ${message}`);
};
