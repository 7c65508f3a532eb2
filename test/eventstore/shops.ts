import { openEventStoreLog } from '../../infra/eventstore/log.ts';
import { systemClock } from '../../infra/system.ts';
import type { HttpShop, ShopOpening } from '../shop.ts';
import { freshPrefix, silent } from '../stack/kit.ts';
import { openStackShop } from '../stack/shop.ts';
import { logApart } from './apart.ts';
import { realUrl } from './logs.ts';
import { startEventStore } from './server.ts';

/**
 * Shops whose log is in EventStoreDB, each with streams of its own on one server: on the one that EVENTSTORE_URL
 * names, else on one that speaks its protocol. `stop` after the last shop has ended.
 */
export const eventStoreShops = () => {
  let server: ReturnType<typeof startEventStore> | undefined;
  const urlOf = async () => {
    if (realUrl !== undefined) return realUrl;
    server ??= startEventStore();
    return (await server).url;
  };
  return {
    open: async ({ flags, ...opening }: ShopOpening = {}): Promise<HttpShop> => {
      const url = await urlOf();
      const look = await openEventStoreLog({ url, clock: systemClock, logger: silent });
      const beginning = await look.head();
      await look.close();
      return openStackShop({
        flags: { ...flags, eventstoreUrl: url },
        overrides: { ...opening.overrides, wrapLog: (log) => logApart(log, freshPrefix(), beginning) },
      });
    },
    stop: async (): Promise<void> => {
      await (await server)?.stop();
    },
  };
};
