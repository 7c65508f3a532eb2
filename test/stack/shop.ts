import { readConfig } from '@recourse/host/config';
import { startDistributed } from '@recourse/host/distributed/distributed';
import type { DistributedOverrides } from '@recourse/host/distributed/overrides';
import { type Closing, closeAll } from '@recourse/host/parts';
import { type HttpShop, type ShopOpening, shopAt, shopFlags, until, usualStock } from '../shop.ts';
import { freshDatabase, freshPrefix, stack } from './kit.ts';
import { dropTopics } from './topics.ts';

/** How a shop on the stack is opened. */
export type StackShopOpening = Omit<ShopOpening, 'overrides'> & { readonly overrides?: DistributedOverrides };

/** Opens a shop whose roles all run in this process, on the stack, in a database and with topics of its own, gone at its end. */
export const openStackShop = async ({ flags, overrides }: StackShopOpening = {}): Promise<HttpShop> => {
  const database = await freshDatabase({ migrated: false });
  const config = readConfig(
    {
      ...shopFlags,
      development: 'true',
      kafkaBrokers: stack.kafkaBrokers.join(','),
      kafkaTopicPrefix: freshPrefix(),
      kafkaPartitions: '4',
      kafkaReplicationFactor: '1',
      postgresUrl: database.settings.url,
      ...flags,
    },
    {},
  );
  const closing: Closing = [database.drop, () => dropTopics(config.kafkaTopicPrefix)];
  const end = () => closeAll(closing);
  try {
    const running = await startDistributed(config, overrides);
    closing.push(running.close);
    const shop = shopAt(running.url);
    await until(
      () => shop.get('/health/ready'),
      ({ status }) => status === 200,
    );
    await shop.stockUp(usualStock);
    return { ...shop, end };
  } catch (error) {
    await end();
    throw error;
  }
};
