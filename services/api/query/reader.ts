import { Worker } from 'node:worker_threads';
import { UnavailableError } from '@recourse/infra/errors';
import { ProblemError } from '../problem.ts';
import { errorOf } from './failure.ts';
import type { Found, FromReader, Question, ThreadSetup, ToReader } from './protocol.ts';

/** The thread that reads for queries, as the main thread holds it: started when it is first asked. */
export type Reader = {
  /**
   * Rejects with what the thread found wrong, with `UnavailableError` where it died, with `overloaded` where too many
   * wait.
   */
  ask<Q extends Question>(projection: string, question: Q): Promise<Found[Q['kind']]>;
  close(): Promise<void>;
};

/** Questions that wait: each is answered in milliseconds, but for a filter over a large table. */
const waitingMax = 256;
/** The heap of a thread that holds a page of rows at a time. */
const oldMegabytesMax = 128;

type Waiting = {
  readonly projection: string;
  resolve(found: unknown): void;
  reject(error: Error): void;
};

/** Makes ready to start the thread. */
export const openReader = (setup: ThreadSetup): Reader => {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let worker: Worker | undefined;
  let closed = false;

  const settle = (id: number, settled: (it: Waiting) => void) => {
    const it = waiting.get(id);
    waiting.delete(id);
    if (it !== undefined) settled(it);
  };

  const start = () => {
    const started = new Worker(new URL('./read-thread.ts', import.meta.url), {
      workerData: setup,
      name: 'queries',
      resourceLimits: { maxOldGenerationSizeMb: oldMegabytesMax },
    });
    let cause: unknown;
    started.on('message', (message: FromReader) => {
      // Under `node --watch` the runtime says through the same port what the thread imports.
      if (!('id' in message)) return;
      settle(message.id, ({ projection, resolve, reject }) => {
        if ('found' in message) resolve(message.found);
        else reject(errorOf(message.failure, projection));
      });
    });
    started.on('error', (error) => {
      cause = error;
    });
    started.on('exit', () => {
      if (worker === started) worker = undefined;
      const gone = new UnavailableError('the thread that reads for queries has ended', { cause });
      for (const id of [...waiting.keys()]) settle(id, ({ reject }) => reject(gone));
    });
    // It holds nothing that is lost with it.
    started.unref();
    return started;
  };

  return {
    ask: <Q extends Question>(projection: string, question: Q) =>
      new Promise<Found[Q['kind']]>((resolve, reject) => {
        if (closed) return reject(new UnavailableError('queries are answered no more'));
        if (waiting.size >= waitingMax)
          return reject(new ProblemError('overloaded', 'Too many queries wait.'));
        worker ??= start();
        last += 1;
        waiting.set(last, { projection, resolve: resolve as Waiting['resolve'], reject });
        worker.postMessage({ id: last, question } satisfies ToReader);
      }),
    close: async () => {
      closed = true;
      await worker?.terminate();
    },
  };
};
