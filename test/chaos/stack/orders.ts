import type { Order } from '@recourse/contracts/http';
import { ask } from '../../http.ts';
import { usualOrder } from '../../shop.ts';
import { dueInMs, isWanted, type Pace } from './pace.ts';

/** The shop's backends: they place orders whatever happens, and know which of them were acknowledged. */

/** An order that was acknowledged. */
export type Acknowledged = { readonly orderId: string; readonly key: string };

/** Every way an order can go, in turn; most complete. */
const kinds = [
  {},
  {},
  {},
  {},
  { country: 'Atlantis' },
  { paymentToken: 'tok_declined' },
  { paymentToken: 'tok_answer_lost' },
  { country: 'ZZ-answer-lost' },
  {},
  { country: 'ZZ-gone' },
  {},
  { paymentToken: 'tok_void_answer_lost', country: 'Atlantis' },
];

/** How long one request may take before it is asked again, and the pause before that. */
const requestMsMax = 10_000;
const pauseMs = 100;

/** Asks one server after another until one answers below 500; a repeat has the same key, so nothing is done twice. */
export const persist = async (
  urls: () => readonly string[],
  path: string,
  body: string,
  key: string,
  givenUp: () => boolean = () => false,
): Promise<{ readonly status: number; readonly json: Order } | undefined> => {
  for (let turn = 0; !givenUp(); turn += 1) {
    const all = urls();
    try {
      const answer = await ask(`${all[(turn + key.length) % all.length]}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body,
        signal: AbortSignal.timeout(requestMsMax),
      });
      const json = (await answer.json()) as Order;
      if (answer.status < 500 && answer.status !== 429) return { status: answer.status, json };
    } catch {
      // Killed, stopped or away in the middle: nobody knows what became of it, so it is asked again.
    }
    await pause(pauseMs);
  }
  return undefined;
};

/**
 * Orders that come in at a pace, from so many clients, each of which places one after another; over when as many as are
 * wanted are acknowledged, or the time for it is.
 */
export const placeOrders = (options: {
  readonly urls: () => readonly string[];
  readonly clients: number;
  readonly pace: Pace;
  /** The time since the beginning of the run. */
  readonly elapsedMs: () => number;
}) => {
  const { urls, clients, pace, elapsedMs } = options;
  const acknowledged: Acknowledged[] = [];
  const refused: string[] = [];
  let next = 0;

  const client = async () => {
    while (isWanted(next, pace, elapsedMs())) {
      const number = next;
      next += 1;
      await pause(dueInMs(number, pace, elapsedMs()));
      const key = `chaos-${number}`;
      const body = JSON.stringify({ ...usualOrder, ...kinds[number % kinds.length] });
      // One that was sent is asked for until it is acknowledged: whether it stands there nobody knows before.
      const answer = await persist(urls, '/orders', body, key);
      if (answer!.status > 202) refused.push(`${key}: ${answer!.status} ${JSON.stringify(answer!.json)}`);
      else acknowledged.push({ orderId: answer!.json.orderId, key });
    }
  };

  return {
    acknowledged,
    /** Answers that were neither an order nor "try again". */
    refused,
    done: Promise.all(Array.from({ length: clients }, client)),
  };
};

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
