import { sleep } from '@recourse/infra/ports/clock';
import { openLeases } from '@recourse/infra/postgres/leases';
import { openPostgresProjector } from '@recourse/infra/postgres/projections/projector';
import { systemClock } from '@recourse/infra/system';
import { freshDatabase, silent } from '../../../../test/stack/kit.ts';
import { openQueries, type Queries } from '../../query/queries.ts';
import { openPostgresQueries } from '../../query/queries-postgres.ts';
import { openReadModels, type ReadModels } from '../../read-models.ts';
import type { StuckOptions } from '../../read-models-lists.ts';
import { openPostgresReadModels } from '../../read-models-postgres.ts';
import { projections } from '../all.ts';
import type { History } from './history.ts';

/** Read models of a history, on one engine or the other. */
export type Engine = {
  readonly models: ReadModels;
  readonly queries: Queries;
  close(): Promise<void>;
};

/** Opens the read models of a history. */
export type OpenEngine = (history: History, options?: StuckOptions) => Promise<Engine>;

/** In files, as the embedded composition has them. */
export const inFiles: OpenEngine = async ({ dataDir, logPath, log }, options = {}) => {
  const models = await openReadModels({ dataDir, logPath, log, ...options });
  const queries = openQueries({ dataDir, logPath, clock: systemClock });
  const close = async () => {
    await queries.close();
    await models.close();
  };
  return { models, queries, close };
};

/** In PostgreSQL, as the distributed one has them; the ledger is not here. */
export const inPostgres: OpenEngine = async ({ log }, options = {}) => {
  const { postgres, drop } = await freshDatabase();
  const shared = { postgres, log, clock: systemClock, logger: silent };
  const projector = openPostgresProjector({ ...shared, projections, leases: openLeases(shared) });
  const ledger = async () => {
    throw new Error('not here');
  };
  const models = openPostgresReadModels({ ...shared, ledger, ...options });
  const queries = openPostgresQueries(shared);
  while ((await models.status()).some(({ state }) => state === 'waiting')) await sleep(systemClock, 10);
  const close = async () => {
    await projector.close();
    await models.close();
    await queries.close();
    await drop();
  };
  return { models, queries, close };
};
