import { Pool } from 'undici';
import type { Fleet } from '../../fleet.ts';
import { usualOrder } from '../../shop.ts';
import { benchSkus } from '../generator.ts';

/** How long a burst of orders, which nobody waits for, is felt. */
export type Burst = {
  readonly orders: number;
  /** How long it took until all were acknowledged. */
  readonly acceptedMs: number;
  /** From then on, until no group and no relay had anything left to do. */
  readonly lagZeroMs: number;
};

const clients = 64;
const waitMsMax = 300_000;
const lookEveryMs = 200;
const retryMs = 100;

/** Places orders as fast as they are taken, then waits until nothing lags. */
export const measureBurst = async (
  fleet: Fleet,
  orders: number,
  say: (line: string) => void,
): Promise<Burst> => {
  const begin = performance.now();
  await placeUnwaited(fleet, orders);
  const acceptedMs = performance.now() - begin;
  const accepted = performance.now();
  while ((await lagOf(fleet)) > 0) {
    if (performance.now() - accepted > waitMsMax) throw new Error('the burst was not worked off');
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
  const lagZeroMs = performance.now() - accepted;
  say(
    `burst of ${orders} orders: taken in ${(acceptedMs / 1_000).toFixed(1)} s, nothing lags ${(lagZeroMs / 1_000).toFixed(1)} s later`,
  );
  return { orders, acceptedMs, lagZeroMs };
};

/** Posts so many orders and waits for none; where the valve is shut it asks again. */
export const placeUnwaited = async (fleet: Fleet, orders: number): Promise<void> => {
  let posted = 0;
  const body = (number: number) =>
    JSON.stringify({
      ...usualOrder,
      lines: [{ sku: benchSkus[number % benchSkus.length], quantity: 1, unitPrice: 100 }],
    });
  const client = async (url: string) => {
    const pool = new Pool(url, { connections: 1, pipelining: 1 });
    while (posted < orders) {
      const number = posted;
      posted += 1;
      for (let status = 503; status === 503; ) {
        const answer = await pool.request({
          path: '/orders',
          method: 'POST',
          headers: { 'content-type': 'application/json', 'idempotency-key': `burst-${number}` },
          body: body(number),
        });
        await answer.body.dump();
        status = answer.statusCode;
        if (status === 503) await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
    await pool.close();
  };
  const urls = fleet.apis().map(({ url }) => url);
  await Promise.all(Array.from({ length: clients }, (_, index) => client(urls[index % urls.length]!)));
};

/** What all processes have yet to do: open orders, records to handle, records to publish. */
const lagOf = async (fleet: Fleet): Promise<number> => {
  let lag = 0;
  for (const { url } of fleet.members) {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const [, value] of text.matchAll(
      /^recourse_(?:consumer_lag_records|relay_lag_records|orders_open)(?:\{[^}]*\})? (\S+)$/gm,
    ))
      lag += Number(value);
  }
  return lag;
};
