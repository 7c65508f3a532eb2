import type { Problem } from '@recourse/contracts/http';
import { StartError } from '@recourse/infra/errors';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import {
  type Answer,
  type Client,
  problemOf,
  RefusedError,
  type Request,
  UnreachableError,
} from '../client.ts';

/** Sends one request until it is answered, through restarts and overload. A POST needs an Idempotency-Key. */
export type Send = (method: 'GET' | 'POST', path: string, request?: Request) => Promise<Answer>;

const retryMsMin = 100;
const retryMsMax = 5_000;
const faultsMax = 5;

/**
 * A sender that waits: while nobody answers, until that has lasted `goneMsMax` (then it rejects with `StartError`, as
 * does every other request); while the server is overloaded or stopping (503), as long as `Retry-After` says, without
 * end. A server's own fault (500) is tried again a few times, and then returned, as is every other answer.
 */
export const patientSender = (client: Client, clock: Clock, goneMsMax: number): Send => {
  let heardAt = clock.monotonic();

  return async (method, path, request) => {
    let faults = 0;
    for (let tries = 0; ; tries += 1) {
      const backOffMs = Math.min(retryMsMax, retryMsMin * 2 ** tries);
      const answer = await client.send(method, path, request).catch((error: unknown) => {
        if (!(error instanceof UnreachableError)) throw error;
        return error;
      });
      if (answer instanceof UnreachableError) {
        if (clock.monotonic() - heardAt > goneMsMax) throw gone(client.url, goneMsMax, answer);
        await sleep(clock, backOffMs);
        continue;
      }
      heardAt = clock.monotonic();
      if (answer.status === 503) {
        await sleep(clock, retryAfterMs(answer) ?? backOffMs);
      } else if (answer.status >= 500 && faults < faultsMax) {
        faults += 1;
        await sleep(clock, backOffMs);
      } else {
        return answer;
      }
    }
  };
};

const gone = (url: string, goneMsMax: number, { message }: Error) =>
  new StartError(
    'server-gone',
    `The server at ${url} has not answered for ${goneMsMax / 1_000} s (--server-gone-seconds). ${message}\n` +
      'Run the same command again once it is back: nothing is ordered or received twice.',
  );

const retryAfterMsMax = 60_000;

const retryAfterMs = ({ headers }: Answer): number | undefined => {
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(retryAfterMsMax, seconds * 1_000) : undefined;
};

/** The answer, if it is one of 2xx. Throws `RefusedError` otherwise. */
export const succeeded = (client: Client, answer: Answer): Answer => {
  if (answer.status >= 200 && answer.status <= 299) return answer;
  throw new RefusedError(problemOf(client.url, answer));
};

/** The problem of an answer that is none of 2xx. */
export const refusalOf = (client: Client, answer: Answer): Pick<Problem, 'code' | 'detail'> =>
  problemOf(client.url, answer);

/** Does `work` on every item, so many at a time, in order. The first rejection stops it, and rejects. */
export const inParallel = async <T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (!failed && next < items.length) {
      const item = items[next] as T;
      next += 1;
      await work(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
};
