import type { Postgres } from '../../connect.ts';

/** Makes the log empty again, as only a test may. */
export const emptyLog = async (postgres: Postgres): Promise<void> => {
  await postgres.query('truncate log_records, log_streams');
  await postgres.query('update log_head set "position" = 0, "time" = 0, stream = 0');
};
