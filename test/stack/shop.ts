import { readConfig } from '@recourse/host/config';
import { startDistributed } from '@recourse/host/distributed/distributed';
import type { DistributedOverrides } from '@recourse/host/distributed/overrides';
import { type HttpShop, type ShopOpening, shopAt, shopFlags, until, usualStock } from '../shop.ts';
import { freshDatabase, freshPrefix, stack } from './kit.ts';

/** How a shop on the stack is opened. */
export type StackShopOpening = Omit<ShopOpening, 'overrides'> & { readonly overrides?: DistributedOverrides };

/** Opens a shop whose roles all run in this process, on the stack, in a database and with topics of its own. */
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
  const running = await startDistributed(config, overrides).catch(async (error: unknown) => {
    await database.drop();
    throw error;
  });
  const shop = shopAt(running.url);
  await until(
    () => shop.get('/health/ready'),
    ({ status }) => status === 200,
    30_000,
  );
  await shop.stockUp(usualStock);
  return {
    ...shop,
    end: async () => {
      await running.close();
      await database.drop();
    },
  };
};
