import { randomUUID } from 'node:crypto';
import { describe, it } from '@jest/globals';
import { openPostgres, type Postgres, type PostgresSettings } from '@recourse/infra/postgres/connect';
import { migratePostgres } from '@recourse/infra/postgres/migrate';
import { systemClock } from '@recourse/infra/system';
import pg from 'pg';
import pino from 'pino';
import { jarsThere } from './jars.ts';
import { findPrograms } from './programs.ts';

/**
 * What tests on a real Kafka and a real PostgreSQL work with. Files named `*.stack.test.ts` run in a jest project of
 * their own, whose global setup starts both (or takes those that the environment names) and says where they are.
 */

/** Where the stack is, as the global setup found or started it; `missing` says why there is none. */
export const stack = {
  kafkaBrokers: (process.env.STACK_KAFKA_BROKERS ?? '').split(',').filter((it) => it !== ''),
  postgresUrl: process.env.STACK_POSTGRES_URL ?? '',
  missing: process.env.STACK_MISSING,
};

/** `describe`, where there is a stack; else one skipped test that says why. */
export const describeOnStack = (name: string, body: () => void): void => {
  if (stack.missing === undefined) describe(name, body);
  else describe(name, () => it.skip(`skipped: ${stack.missing}`, () => {}));
};

const noServersOfItsOwn = await findPrograms(jarsThere()).then(
  () => undefined,
  (error: Error) => error.message,
);

/** `describe` for tests that start a stack of their own (`startStack`), where one can be; else one skipped test. */
export const describeOnOwnServers = (name: string, body: () => void): void => {
  if (noServersOfItsOwn === undefined) describe(name, body);
  else describe(name, () => it.skip(`skipped: ${noServersOfItsOwn}`, () => {}));
};

/** No log. */
export const silent = pino({ level: 'silent' });

/** A prefix that no other test's topics and groups have. */
export const freshPrefix = (): string => `t${randomUUID().slice(0, 8)}.`;

/** A database of a test's own, with our tables in it. */
export type FreshDatabase = {
  readonly settings: PostgresSettings;
  readonly postgres: Postgres;
  /** Closes the pool, ends whatever else is connected, and drops the database. */
  drop(): Promise<void>;
};

/** Makes a database of its own on the stack's server. `migrated: false`: without our tables. */
export const freshDatabase = async ({ migrated = true } = {}): Promise<FreshDatabase> => {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  const admin = async (statement: string) => {
    const client = new pg.Client({ connectionString: stack.postgresUrl });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await admin(`create database ${name}`);
  const url = new URL(stack.postgresUrl);
  url.pathname = `/${name}`;
  const settings = { url: url.href, schema: 'recourse', connectionsMax: 6, applicationName: 'test' };
  if (migrated) await migratePostgres(settings, silent);
  const postgres = openPostgres(settings, { clock: systemClock, logger: silent });
  return {
    settings,
    postgres,
    drop: async () => {
      await postgres.close();
      await admin(`drop database ${name} with (force)`);
    },
  };
};
