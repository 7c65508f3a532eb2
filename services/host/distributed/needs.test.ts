import { describe, expect, it } from '@jest/globals';
import { StartError } from '@recourse/infra/errors';
import { readConfig } from '../config.ts';
import { isDistributed, kafkaOf, reachOf } from './needs.ts';

const reach = (environment: Record<string, string>) => reachOf(readConfig({}, environment));
const complaint = (environment: Record<string, string>): string => {
  try {
    reach(environment);
  } catch (error) {
    if (error instanceof StartError && error.code === 'invalid-setting') return error.message;
    throw error;
  }
  return '';
};

describe('what a distributed installation needs', () => {
  const enough = {
    KAFKA_BROKERS: 'k1:9092,k2:9092',
    POSTGRES_URL: 'postgres://shop:canary@db:5432/recourse',
  };

  it('is brokers and a database, and is told to people without name and password', () => {
    const { kafka, kafkaAt, postgresAt } = reach(enough);
    expect([kafkaAt, postgresAt]).toEqual(['k1:9092, k2:9092', 'db:5432']);
    expect(kafka).toMatchObject({ brokers: ['k1:9092', 'k2:9092'] });
    expect(kafka).not.toHaveProperty('sasl');
    expect(kafka).not.toHaveProperty('tls');
    expect(isDistributed(readConfig({}, enough))).toBe(true);
    expect(isDistributed(readConfig({}, {}))).toBe(false);
  });

  it('names every setting that is missing, at once', () => {
    expect(complaint({})).toMatch(/KAFKA_BROKERS.* is not set(.|\n)*POSTGRES_URL.* is not set/);
    const sasl = complaint({ ...enough, KAFKA_SASL_MECHANISM: 'scram-sha-256' });
    expect(sasl).toMatch(/KAFKA_SASL_USERNAME is not set: .*\nKAFKA_SASL_PASSWORD is not set/);
  });

  it('names what is set for nothing, and never the secret', () => {
    const words = complaint({ ...enough, KAFKA_SASL_PASSWORD: 'canary', KAFKA_TLS_CA_FILE: '/ca.pem' });
    expect(words).toMatch(/KAFKA_SASL_PASSWORD do nothing(.|\n)*KAFKA_TLS_CA_FILE does nothing/);
    expect(words).not.toContain('canary');
  });

  it('names a file of certificates that cannot be read', () => {
    const environment = { ...enough, KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: '/nowhere/ca.pem' };
    expect(complaint(environment)).toMatch(/KAFKA_TLS_CA_FILE cannot be read: .*ENOENT/);
  });

  it('asks for no database where Kafka alone is wanted', () => {
    const sasl = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'a', KAFKA_SASL_PASSWORD: 'b' };
    const kafka = kafkaOf(readConfig({}, { KAFKA_BROKERS: 'k1:9092', KAFKA_TLS: 'true', ...sasl }));
    expect(kafka).toMatchObject({ tls: true, sasl: { mechanism: 'plain', username: 'a', password: 'b' } });
  });
});
