import { projections } from '@recourse/api/projections/all';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Postgres } from '@recourse/infra/postgres/connect';
import { openStoredProjections } from '@recourse/infra/postgres/projections/stored';
import type { Logger } from 'pino';
import { buildName } from '../machines/build.ts';
import { checkMachines } from '../machines/check.ts';
import { keptBuild, postgresCharts } from './kept-charts.ts';
import { openInLog } from './open-sagas.ts';
import { reached } from './wait.ts';

/** What the machines of this build are compared with. */
export type MachinesHere = {
  readonly postgres: Postgres;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the log is waited for. */
  readonly waitMsMax: number;
  readonly signal?: AbortSignal;
  /** Names this build. */
  readonly build?: string;
};

/**
 * Refuses the start where open sagas are on a machine that is another one now, as `checkMachines` does. What the same build
 * was found to fit it still fits, and what began since began on it, or on a build that was looked at after it: then its name
 * is kept instead. So a process that is started again, while many orders are open, need not read all of them first.
 */
export const checkMachinesHere = async (here: MachinesHere): Promise<void> => {
  const { postgres, log, build = buildName() } = here;
  const kept = keptBuild(postgres);
  await reached({ ...here, what: 'the event log', variable: 'POSTGRES_URL or EVENTSTORE_URL' }, async () => {
    if ((await kept.read()) === build) return;
    const stored = openStoredProjections({ ...here, projections });
    try {
      const open = () => openInLog(log, stored);
      const sawAll = await checkMachines({ ...here, charts: postgresCharts(postgres), open });
      if (sawAll) await kept.keep(build);
    } finally {
      await stored.close();
    }
  });
};
