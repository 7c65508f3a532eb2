import { LostRecordsError, StartError, UnavailableError, UnknownVersionError } from '@recourse/infra/errors';
import { prepareTopics } from '@recourse/infra/kafka/topics';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Leases } from '@recourse/infra/ports/leases';
import { openPostgres, type Postgres } from '@recourse/infra/postgres/connect';
import { type LossySetting, lossySettings } from '@recourse/infra/postgres/durability';
import { isRefusal, postgresError } from '@recourse/infra/postgres/errors';
import { openLeases } from '@recourse/infra/postgres/leases';
import { openPostgresLog, type PostgresLog } from '@recourse/infra/postgres/log/log';
import { migratePostgres } from '@recourse/infra/postgres/migrate';
import type { Metrics } from '@recourse/infra/telemetry/metrics';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Closing } from '../parts.ts';
import { type Reach, reachOf } from './needs.ts';
import { reached, type Waiting } from './wait.ts';

/** One call of appends and two of reads are on their way at a time, and somebody looks where the log ends. */
const logConnectionsMax = 4;

/** What every role of a distributed installation stands on. */
export type Ground = {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly reach: Reach;
  readonly postgres: Postgres;
  readonly log: EventLog;
  readonly leases: Leases;
  /** Why it is not ready now. */
  problems(): readonly string[];
};

/** What the ground is opened with; `closing` is told how each part is closed. */
export type GroundOptions = Pick<Ground, 'config' | 'clock' | 'logger' | 'metrics'> & {
  readonly closing: Closing;
  /** Gives the waiting up. */
  readonly signal: AbortSignal;
  /** Told of what nothing can go on with. */
  onFatal(error: Error): void;
};

/**
 * Reaches PostgreSQL, looks at its settings, brings its tables to this version, looks at Kafka's topics and opens the
 * event log, waiting for what is not there yet. Rejects with `StartError` where something is not reached in time, refuses
 * us, or would lose data.
 */
export const openGround = async (
  options: GroundOptions,
): Promise<Ground & Pick<PostgresLog, 'importRecords'>> => {
  const { config, clock, logger, metrics, closing, signal, onFatal } = options;
  const reach = reachOf(config);
  const waiting = (what: string, variable: string): Waiting => ({
    what,
    variable,
    waitMsMax: config.startWaitMsMax,
    clock,
    logger,
    signal,
  });

  const inPostgres = waiting(`PostgreSQL at ${reach.postgresAt}`, 'POSTGRES_URL');
  const postgres = openPostgres(reach.postgres, { clock, logger });
  closing.push(() => postgres.close());
  await reached(inPostgres, () => prepared(postgres, reach, config, logger));

  await reached(waiting(`Kafka at ${reach.kafkaAt}`, 'KAFKA_BROKERS'), () =>
    prepareTopics({
      kafka: reach.kafka,
      prefix: config.kafkaTopicPrefix,
      partitions: config.kafkaPartitions,
      replicationFactor: config.kafkaReplicationFactor,
      development: config.development,
      logger,
    }),
  );

  // What else is amiss with a record is told, and stops those that need it; newer versions, and a log that is not the one
  // that this process knows, stop the process.
  const onFailure = (error: Error) => {
    if (error instanceof UnknownVersionError || error instanceof LostRecordsError) onFatal(error);
  };
  const observing = { clock, logger, observeAppendMs: metrics.observeAppendMs, onFailure };
  const { eventstoreUrl } = config;
  /** Orders never wait for a connection that a read model holds. */
  const ownPool = () => {
    const settings = { ...reach.postgres, connectionsMax: logConnectionsMax };
    const pool = openPostgres(settings, { clock, logger });
    closing.push(() => pool.close());
    return pool;
  };
  const log =
    eventstoreUrl === undefined
      ? await reached(inPostgres, () => openPostgresLog({ postgres: ownPool(), ...observing }))
      : await reached(waiting(`EventStoreDB at ${hostsOf(eventstoreUrl)}`, 'EVENTSTORE_URL'), async () => {
          const { openEventStoreLog } = await import('@recourse/infra/eventstore/log');
          return openEventStoreLog({ url: eventstoreUrl, ...observing });
        });
  closing.push(() => log.close());
  const leases = openLeases({ postgres, clock, logger });
  const { problems, importRecords } = log;
  return { config, clock, logger, metrics, reach, postgres, log, leases, problems, importRecords };
};

/** Where a URL leads, without who we say we are: it may name several hosts, which `URL` does not read. */
const hostsOf = (url: string): string => url.replace(/^[^:]*:\/\/([^@/]*@)?/, '').replace(/[/?].*$/, '');

const prepared = async (
  { query }: Postgres,
  { postgres, postgresAt }: Reach,
  { development }: Config,
  logger: Logger,
): Promise<void> => {
  try {
    const lossy = await lossySettings(query);
    if (!development) refuse(lossy, postgresAt);
    for (const { line } of lossy) logger.warn(`PostgreSQL could lose data: ${line}`);
    await migratePostgres(postgres, logger);
  } catch (error) {
    if (error instanceof StartError) throw error;
    if (isRefusal(error))
      throw new StartError(
        'postgres-refused',
        `PostgreSQL at ${postgresAt} refuses us: ${saidIn(error)}. Check the name, the password and the database in POSTGRES_URL.`,
      );
    const mapped = postgresError(error);
    if (mapped instanceof UnavailableError) throw mapped;
    throw new StartError(
      'postgres-migration',
      `The tables in PostgreSQL at ${postgresAt} cannot be brought to this version: ${(error as Error).message}.`,
    );
  }
};

/** What the server said. */
const saidIn = (error: Error): string => (error.cause instanceof Error ? error.cause.message : error.message);

const refuse = (lossy: readonly LossySetting[], postgresAt: string): void => {
  if (!lossy.some(({ certain }) => certain)) return;
  throw new StartError(
    'postgres-settings',
    [
      `The settings of PostgreSQL at ${postgresAt} are not as they have to be:`,
      ...lossy.map(({ line }) => line),
      'For development, where that does no harm: DEVELOPMENT=true (--development).',
    ].join('\n'),
  );
};
