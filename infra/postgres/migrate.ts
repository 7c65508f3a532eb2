import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type { Logger } from 'pino';
import { clientConfig, type PostgresSettings } from './connect.ts';

/** Each file is one step, in the order of their names; a step that was released is never changed. */
const folder = fileURLToPath(new URL('./migrations', import.meta.url));

/**
 * Brings our tables to this version; several processes may do so at once, one goes first. Steps are in plain SQL
 * (`migrations/`), each in one transaction. Rejects with what the server said, or with its connection's error.
 */
export const migratePostgres = async (settings: PostgresSettings, logger: Logger): Promise<void> => {
  const say = (message: string) => logger.debug({ message: message.trim() }, 'migration of PostgreSQL');
  await runner({
    databaseUrl: clientConfig(settings, { patient: true }),
    dir: folder,
    direction: 'up',
    schema: settings.schema,
    createSchema: true,
    migrationsSchema: settings.schema,
    createMigrationsSchema: true,
    migrationsTable: 'migrations',
    advisoryLockMode: 'wait',
    singleTransaction: false,
    logger: { debug: say, info: say, warn: say, error: say },
  });
};
