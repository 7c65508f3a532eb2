import type { Order } from '@recourse/contracts/http';
import { ask } from '../../http.ts';
import { usualOrder } from '../../shop.ts';
import { persist } from './orders.ts';

/** How long it takes after a disturbance until orders end again. */

/** A disturbance and how long after it every one of some orders that were placed then had ended. */
export type Recovery = { readonly what: string; readonly atMs: number; readonly recoveredMs: number };

/** Keys fall on partitions by chance: of so many orders some fall where it hurts. */
const probes = 12;
const lookEveryMs = 100;

/** Places some orders right after a disturbance and waits until all have ended; resolves with how long that took. */
export const timeToProgress = async (
  urls: () => readonly string[],
  what: string,
  begin: number,
  number: number,
): Promise<Recovery> => {
  const atMs = performance.now();
  await Promise.all(
    Array.from({ length: probes }, async (_, index) => {
      const key = `probe-${number}-${index}`;
      const answer = await persist(urls, '/orders', JSON.stringify(usualOrder), key);
      await ended(urls, answer!.json.orderId);
    }),
  );
  return { what, atMs: atMs - begin, recoveredMs: performance.now() - atMs };
};

/** Resolves when an order has ended. */
export const ended = async (urls: () => readonly string[], orderId: string): Promise<Order> => {
  for (let turn = 0; ; turn += 1) {
    const all = urls();
    try {
      const answer = await ask(`${all[turn % all.length]}/orders/${orderId}`, {
        signal: AbortSignal.timeout(5_000),
      });
      const order = (await answer.json()) as Order;
      if (answer.status === 200 && order.endedAt !== null) return order;
    } catch {
      // Away for now: the next one is asked.
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
};
