import { afterAll } from '@jest/globals';
import { eventStoreShops } from '../eventstore/shops.ts';
import { describeOnStack } from '../stack/kit.ts';
import { compensations } from './compensation.ts';

describeOnStack('on Kafka, PostgreSQL and EventStoreDB', () => {
  const shops = eventStoreShops();
  afterAll(shops.stop);
  compensations('one process with all roles', shops.open);
});
