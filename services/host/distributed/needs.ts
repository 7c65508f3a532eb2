import { readFileSync } from 'node:fs';
import { StartError } from '@recourse/infra/errors';
import type { KafkaSettings } from '@recourse/infra/kafka/client';
import type { PostgresSettings } from '@recourse/infra/postgres/connect';
import type { Config } from '../config.ts';

/** What a distributed installation is reached by, as the settings say it. */
export type Reach = {
  readonly kafka: KafkaSettings;
  readonly postgres: PostgresSettings;
  /** Where both are, for people: no name, no password. */
  readonly kafkaAt: string;
  readonly postgresAt: string;
};

/** Whether the settings make it a distributed installation. */
export const isDistributed = (config: Config): boolean => config.kafkaBrokers !== undefined;

/** How others' lists name this process. */
const clientId = 'recourse';

/**
 * Reads from the settings what a distributed installation needs. Throws `StartError` `invalid-setting` that names what
 * is missing or does not fit, every line a setting.
 */
export const reachOf = (config: Config): Reach => {
  refuse([...kafkaComplaints(config), ...postgresComplaints(config)]);
  const { postgresUrl, postgresSchema, postgresConnectionsMax } = config;
  const kafka = kafkaOf(config);
  return {
    kafka,
    postgres: {
      url: postgresUrl!,
      schema: postgresSchema,
      connectionsMax: postgresConnectionsMax,
      applicationName: `${clientId} ${[...config.role].join(',')}`.slice(0, 60),
    },
    kafkaAt: kafka.brokers.join(', '),
    postgresAt: new URL(postgresUrl!).host,
  };
};

/** Reads what Kafka alone is reached by; throws as `reachOf` does. */
export const kafkaOf = (config: Config): KafkaSettings => {
  refuse(kafkaComplaints(config));
  return { brokers: config.kafkaBrokers!, clientId, ...tlsOf(config), ...saslOf(config) };
};

const refuse = (wrong: readonly string[]): void => {
  if (wrong.length > 0) throw new StartError('invalid-setting', wrong.join('\n'));
};

const postgresComplaints = (config: Config): string[] =>
  config.postgresUrl === undefined
    ? ['POSTGRES_URL (--postgres-url) is not set: a distributed installation needs PostgreSQL.']
    : [];

const kafkaComplaints = (config: Config): string[] => {
  const { kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword } = config;
  const withSasl = kafkaSaslMechanism !== 'none';
  const wants = `KAFKA_SASL_MECHANISM is ${kafkaSaslMechanism}`;
  return [
    ...(config.kafkaBrokers === undefined
      ? ['KAFKA_BROKERS (--kafka-brokers) is not set: a distributed installation needs Kafka.']
      : []),
    ...(withSasl && kafkaSaslUsername === undefined ? [`KAFKA_SASL_USERNAME is not set: ${wants}.`] : []),
    ...(withSasl && kafkaSaslPassword === undefined ? [`KAFKA_SASL_PASSWORD is not set: ${wants}.`] : []),
    ...(!withSasl && (kafkaSaslUsername !== undefined || kafkaSaslPassword !== undefined)
      ? [`KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD do nothing: ${wants}.`]
      : []),
    ...(!config.kafkaTls && config.kafkaTlsCaFile !== undefined
      ? ['KAFKA_TLS_CA_FILE does nothing: KAFKA_TLS is false.']
      : []),
  ];
};

const tlsOf = ({ kafkaTls, kafkaTlsCaFile }: Config): Pick<KafkaSettings, 'tls'> => {
  if (!kafkaTls) return {};
  if (kafkaTlsCaFile === undefined) return { tls: true };
  try {
    return { tls: { ca: readFileSync(kafkaTlsCaFile, 'utf8') } };
  } catch (error) {
    const why = (error as Error).message;
    throw new StartError('invalid-setting', `KAFKA_TLS_CA_FILE cannot be read: ${why}.`);
  }
};

const saslOf = ({
  kafkaSaslMechanism: mechanism,
  kafkaSaslUsername: username,
  kafkaSaslPassword: password,
}: Config): Pick<KafkaSettings, 'sasl'> =>
  mechanism === 'none' || username === undefined || password === undefined
    ? {}
    : { sasl: { mechanism, username, password } };
