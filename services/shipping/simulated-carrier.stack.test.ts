import { afterAll, beforeAll } from '@jest/globals';
import { openPostgresRoom } from '../../test/books-kit.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../test/stack/kit.ts';
import { openPostgresCarrier } from './simulated-carrier.ts';
import { type CarrierRoom, carrierSuite } from './testing/carrier-suite.ts';

describeOnStack('on PostgreSQL', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());

  carrierSuite(
    'in PostgreSQL',
    (): CarrierRoom =>
      openPostgresRoom(database.postgres, (options) =>
        openPostgresCarrier({ postgres: database.postgres, ...options }),
      ),
  );
});
