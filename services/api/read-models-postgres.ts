import type { Ledger } from '@recourse/contracts/http';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Postgres } from '@recourse/infra/postgres/connect';
import { openStoredProjections } from '@recourse/infra/postgres/projections/stored';
import type { Logger } from 'pino';
import { projections } from './projections/all.ts';
import type { ReadProjection } from './projections/open-sagas.ts';
import { countOrders } from './projections/orders-list.ts';
import type { ReadModels } from './read-models.ts';
import { listsOver, type StuckOptions } from './read-models-lists.ts';

/** How the read models in PostgreSQL are opened for reading. */
export type PostgresReadModelsOptions = StuckOptions & {
  readonly postgres: Postgres;
  readonly log: Pick<EventLog, 'head'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Computes the ledger; calls at the same time may share one. */
  readonly ledger: () => Promise<Ledger>;
};

/**
 * The read models that projectors fill in PostgreSQL, in this process or others. Opening asks nothing, so it never
 * fails; what no projector has begun yet is unavailable.
 */
export const openPostgresReadModels = (options: PostgresReadModelsOptions): ReadModels => {
  const { postgres, log, clock, ledger } = options;
  const stored = openStoredProjections({ postgres, projections, log, clock });
  const { status, rebuild, waitFor } = stored;
  const read: ReadProjection = async (name, reads) => {
    const { rows, position } = await stored.read(name, reads);
    return { rows, position };
  };
  return {
    ...listsOver({ ...options, read, counts: () => countOrders(read) }),
    ledger,
    positions: async () => Object.fromEntries((await status()).map(({ name, position }) => [name, position])),
    status,
    rebuild,
    waitFor,
    close: stored.close,
  };
};
