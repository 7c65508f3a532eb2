import { afterAll, beforeAll } from '@jest/globals';
import { openPostgresRoom } from '../../test/books-kit.ts';
import { type CarrierRoom, carrierSuite } from '../../test/contract/simulated/carrier.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../test/stack/kit.ts';
import { openPostgresCarrier } from './simulated-carrier.ts';

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
