import { afterAll, beforeAll } from '@jest/globals';
import { openPostgresTimerStore } from '@recourse/infra/postgres/timer-store';
import { timersSuite } from '../test/contract/timers/alone.ts';
import { sharedTimersSuite } from '../test/contract/timers/shared.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../test/stack/kit.ts';

describeOnStack('on PostgreSQL', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());

  const openStores = async (partitionOf: (orderId: string) => number = () => 0) => ({
    open: () => openPostgresTimerStore({ postgres: database.postgres, partitionOf }),
    filledFromLog: false,
    dispose: async () => {
      await database.postgres.query('truncate timer');
    },
  });

  timersSuite('in PostgreSQL', openStores);
  sharedTimersSuite('in PostgreSQL', openStores);
});
