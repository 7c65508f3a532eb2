import { afterAll } from '@jest/globals';
import { eventStoreShops } from '../eventstore/shops.ts';
import { describeOnStack } from '../stack/kit.ts';
import { authorizedFirst } from './authorized-first.ts';

describeOnStack('on Kafka, PostgreSQL and EventStoreDB', () => {
  const shops = eventStoreShops();
  afterAll(shops.stop);
  authorizedFirst('one process with all roles', shops.open);
});
