import { afterAll, beforeAll } from '@jest/globals';
import { eventLogContract } from '../../../test/contract/event-log.ts';
import { describeOnStack, type FreshDatabase, freshDatabase, silent } from '../../../test/stack/kit.ts';
import { systemClock } from '../../system.ts';
import { openPostgresLog, type PostgresLogLimits } from './log.ts';
import { emptyLog } from './testing/logs.ts';

describeOnStack('the event log in PostgreSQL', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());

  const opening = (limits: Partial<PostgresLogLimits>) => async () => {
    const { postgres } = database;
    const log = await openPostgresLog({ postgres, clock: systemClock, logger: silent, limits });
    return { log, clean: () => emptyLog(postgres) };
  };
  eventLogContract('as it is', opening({}));
  eventLogContract(
    'with hardly any memory, and hardly anything in a call',
    opening({ recentMax: 2, tailReadMax: 4, readStreamsMax: 1, callEventsMax: 1, callsInFlightMax: 2 }),
  );
});
