import { startFleet } from '../../fleet.ts';
import { startStack } from '../../stack/stack.ts';
import { placeUnwaited } from './burst.ts';
import { stockUpAll } from './stock.ts';

/** How fast one relay, and two, publish the same orders that nobody has published yet. */
export type RelayRates = { readonly orders: number; readonly one: number; readonly two: number };

const lookEveryMs = 20;
const waitMsMax = 120_000;

/** Records published a second, by one relay and by two. */
export const measureRelays = async (orders: number, say: (line: string) => void): Promise<RelayRates> => {
  const one = await rateOf(1, orders);
  const two = await rateOf(2, orders);
  say(`relays: one publishes ${one} records/s, two ${two}`);
  return { orders, one, two };
};

const rateOf = async (relays: number, orders: number): Promise<number> => {
  const stack = await startStack();
  const environment = { ...stack.environment, OPEN_ORDERS_MAX: '1000000' };
  try {
    const apis = await startFleet({ companies: [{ name: 'api', roles: 'api', count: 1 }], environment });
    await stockUpAll(apis);
    await placeUnwaited(apis, orders);
    await apis.stop();
    const fleet = await startFleet({
      companies: [{ name: 'relay', roles: 'relay', count: relays }],
      environment,
    });
    try {
      return await published(fleet.members.map(({ url }) => url));
    } finally {
      await fleet.stop();
    }
  } finally {
    await stack.stop();
  }
};

/** From when the first was published until none is left. */
const published = async (urls: readonly string[]): Promise<number> => {
  const begin = performance.now();
  let first: { readonly at: number; readonly lag: number } | undefined;
  while (performance.now() - begin < waitMsMax) {
    const lag = await lagOf(urls);
    const at = performance.now();
    if (lag > 0) first ??= { at, lag };
    else if (first !== undefined) return Math.round((first.lag / (at - first.at)) * 1_000);
    else if (at - begin > waitMsMax / 10) throw new Error('the relays were done before they were looked at');
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  throw new Error('the relays did not come to an end');
};

const lagOf = async (urls: readonly string[]): Promise<number> => {
  const lags = await Promise.all(
    urls.map(async (url) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^recourse_relay_lag_records (\S+)$/m.exec(text)?.[1] ?? 0);
    }),
  );
  return Math.max(...lags);
};
