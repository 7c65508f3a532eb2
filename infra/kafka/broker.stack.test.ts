import { afterAll, beforeAll } from '@jest/globals';
import { brokerContract } from '../../test/contract/broker.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../test/stack/kit.ts';
import { type KafkaKit, kafkaHarness, openKafkaKit } from './testing/harness.ts';

describeOnStack('on Kafka', () => {
  let kit: KafkaKit;
  let database: FreshDatabase;
  beforeAll(async () => {
    [kit, database] = await Promise.all([openKafkaKit(), freshDatabase()]);
  });
  afterAll(async () => {
    await kit.close();
    await database.drop();
  });

  brokerContract('Kafka', () =>
    kafkaHarness(kit, database, [
      'payment.events',
      'shipping.events',
      'saga.events',
      'payment.commands',
      'shipping.commands',
    ]),
  );
});
