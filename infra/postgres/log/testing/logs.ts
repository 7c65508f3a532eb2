import pino from 'pino';
import { sleep } from '../../../ports/clock.ts';
import { systemClock } from '../../../system.ts';
import { openPostgres, type Postgres, type PostgresSettings } from '../../connect.ts';
import { openPostgresLog, type PostgresLog, type PostgresLogOptions } from '../log.ts';

const silent = pino({ level: 'silent' });

/** Makes the log empty again, as only a test may. */
export const emptyLog = async (postgres: Postgres): Promise<void> => {
  await postgres.query('truncate log_records, log_streams');
  await postgres.query('update log_head set "position" = 0, "time" = 0, stream = 0');
};

/** Waits until a condition holds, in small pauses: the server needs the processor, too. */
export const eventually = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await sleep(systemClock, 5);
};

/** Logs, each with a pool of its own as other processes would have one, closed by `close`. */
export const openedLogs = (settings: PostgresSettings) => {
  const opened: { readonly log: PostgresLog; readonly postgres: Postgres }[] = [];
  return {
    /** `wrap` puts something between the log and PostgreSQL. */
    open: async (
      options: Partial<PostgresLogOptions> = {},
      wrap: (postgres: Postgres) => Postgres = (it) => it,
    ): Promise<PostgresLog> => {
      const postgres = openPostgres(settings, { clock: systemClock, logger: silent });
      try {
        const parts = { clock: systemClock, logger: silent, ...options, postgres: wrap(postgres) };
        const log = await openPostgresLog(parts);
        opened.push({ log, postgres });
        return log;
      } catch (error) {
        await postgres.close();
        throw error;
      }
    },
    close: async (): Promise<void> => {
      for (const { log, postgres } of opened.splice(0)) {
        await log.close();
        await postgres.close();
      }
    },
  };
};
