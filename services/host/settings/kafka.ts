import { z } from 'zod';
import { oneOf, optional, type Setting, trueOrFalse, wholeNumber } from './kinds.ts';

/** How Kafka is reached, and what its topics are like. */
export const kafka = {
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
} as const satisfies Record<string, Setting>;
