import { postgresLedger } from '@recourse/api/projections/ledger-postgres';
import { openPostgresQueries } from '@recourse/api/query/queries-postgres';
import { openPostgresReadModels } from '@recourse/api/read-models-postgres';
import type { KafkaBroker } from '@recourse/infra/kafka/broker';
import { type Closing, deadLetterKeysOf, openApi, type participantsOf } from '../parts.ts';
import { folderOnly } from './folder-only.ts';
import type { Ground } from './ground.ts';
import type { ProcessState } from './overrides.ts';

/** The role `api`: everything over HTTP, on the read models in PostgreSQL. */
export const openApiRole = async (
  ground: Ground,
  parts: {
    readonly broker: KafkaBroker;
    readonly participants: ReturnType<typeof participantsOf>;
    readonly process: ProcessState;
    readonly closing: Closing;
  },
): ReturnType<typeof openApi> => {
  const { config, log, postgres, clock, logger } = ground;
  const { broker, participants, process, closing } = parts;
  const readModels = openPostgresReadModels({
    postgres,
    log,
    clock,
    logger,
    deadlineMs: config.orderDeadlineMs,
    deadLetterKeys: () => deadLetterKeysOf(broker.deadLetters),
    ledger: postgresLedger({ postgres, log, clock, foreign: config.foreign }),
  });
  closing.push(() => readModels.close());
  const queries = openPostgresQueries({ postgres, log, clock });
  closing.push(queries.close);
  const opened = await openApi({
    ...process,
    ...folderOnly,
    config,
    log,
    participants,
    deadLetters: broker.deadLetters,
    poison: broker.poison,
    lag: broker.lag,
    readModels,
    queries,
    open: await readModels.countedFrom(),
    clock,
    ids: undefined,
  });
  closing.push(() => opened.live.close());
  return opened;
};
