import type { Order } from '@recourse/contracts/http';
import { ask } from '../../http.ts';
import { usualOrder } from '../../shop.ts';
import type { Absences } from './away.ts';
import { persist } from './orders.ts';

/** How long it takes after a disturbance until orders end again. */

/** A disturbance, and how long after it every one of some orders that were placed then had ended. */
export type Recovery = {
  readonly what: string;
  /** Since the beginning of the run. */
  readonly atMs: number;
  /** From the disturbance until the last of the orders had ended, by the clock on the wall. */
  readonly recoveredMs: number;
  /** How much of that Kafka or PostgreSQL were away, by our own hand. */
  readonly awayMs: number;
  /** After what time the last of the orders was acknowledged; what is longer it waited for behind the API. */
  readonly acknowledgedMs: number;
  /** Of the order that ended last. */
  readonly slowestOrderId: string;
};

/** The same, and how many more disturbances fell into that time: each holds up an order that is on its way anew. */
export type CountedRecovery = Recovery & { readonly disturbedAgain: number };

/** Counts for each recovery the disturbances that began while it lasted. */
export const counted = (recoveries: readonly Recovery[]): readonly CountedRecovery[] =>
  recoveries.map((it) => ({
    ...it,
    disturbedAgain: recoveries.filter(({ atMs }) => atMs > it.atMs && atMs < it.atMs + it.recoveredMs).length,
  }));

/** Keys fall on partitions by chance: of so many orders some fall where it hurts. */
const probes = 12;
const lookEveryMs = 100;
/** An order that has not ended by then has not ended: the verdict will name it. */
const recoverMsMax = 300_000;

/** Places some orders right after a disturbance and waits until all have ended; resolves with how long that took. */
export const timeToProgress = async (
  urls: () => readonly string[],
  disturbance: { readonly what: string; readonly number: number },
  elapsedMs: () => number,
  away: Absences,
): Promise<Recovery> => {
  const atMs = elapsedMs();
  const givenUp = () => elapsedMs() - atMs > recoverMsMax;
  let slowestOrderId = '';
  let acknowledgedMs = 0;
  await Promise.all(
    Array.from({ length: probes }, async (_, index) => {
      const key = `probe-${disturbance.number}-${index}`;
      const answer = await persist(urls, '/orders', JSON.stringify(usualOrder), key, givenUp);
      acknowledgedMs = elapsedMs() - atMs;
      if (answer === undefined) return;
      await ended(urls, answer.json.orderId, givenUp);
      slowestOrderId = answer.json.orderId;
    }),
  );
  const endMs = elapsedMs();
  return {
    what: disturbance.what,
    atMs,
    recoveredMs: endMs - atMs,
    awayMs: away.overlapMs(atMs, endMs),
    acknowledgedMs,
    slowestOrderId,
  };
};

/** Resolves when an order has ended, or with undefined once it was given up. */
export const ended = async (
  urls: () => readonly string[],
  orderId: string,
  givenUp: () => boolean,
): Promise<Order | undefined> => {
  for (let turn = 0; !givenUp(); turn += 1) {
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
  return undefined;
};
