import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Postgres } from '@recourse/infra/postgres/connect';
import { openStoredProjections } from '@recourse/infra/postgres/projections/stored';
import { notFound, ProblemError } from '../problem.ts';
import { projections } from '../projections/all.ts';
import { askedOf } from './asked.ts';
import { readPage } from './page.ts';
import type { Queries } from './queries.ts';
import { shownRows } from './shown.ts';

/** How queries over PostgreSQL are opened. */
export type PostgresQueriesOptions = {
  readonly postgres: Postgres;
  readonly log: Pick<EventLog, 'head'>;
  readonly clock: Clock;
};

const noPast = () =>
  new ProblemError(
    'not-in-distributed',
    'Rows as they were are folded in a data folder, and a distributed installation has none: ask without asOf, or ' +
      'move the log into a folder.',
  );

/**
 * The rows of the read models in PostgreSQL as they are now. Rejects as the queries over a folder do, and with
 * `not-in-distributed` where a moment of the past is asked for.
 */
export const openPostgresQueries = ({ postgres, log, clock }: PostgresQueriesOptions): Queries => {
  const stored = openStoredProjections({ postgres, projections, log, clock });

  return {
    prepare: async (name, query) => {
      const projection = projections.find((it) => it.name === name);
      if (projection === undefined) throw notFound(`The projection ${name}`);
      const { wish, asOf } = askedOf(projection, query);
      if (asOf !== undefined) throw noPast();
      return {
        position: null,
        rows: async () => {
          const { rows, ...shown } = await stored.read(name, () => readPage(wish));
          return shownRows(name, wish, { ...rows, ...shown }, null);
        },
      };
    },
    close: stored.close,
  };
};
