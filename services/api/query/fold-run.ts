import { Worker } from 'node:worker_threads';
import { UnavailableError } from '@recourse/infra/errors';
import { errorOf } from './failure.ts';
import type { FoldSetup, FromFold } from './protocol.ts';

/** A fold under way in a thread of its own. */
export type FoldRun = {
  /** Resolves with the file that was made; rejects with why it was not. */
  readonly path: Promise<string>;
  /** Ends the thread, in the middle of whatever it does; resolves once it has ended. */
  stop(): Promise<void>;
};

/** As for the thread that fills the read models: a batch and row caches, most of it short-lived. */
const oldMegabytesMax = 192;
const youngMegabytesMax = 16;

/** Starts a thread that folds a projection from the first record up to a position. */
export const startFold = (setup: FoldSetup, onProgress: (position: number) => void): FoldRun => {
  const worker = new Worker(new URL('./fold-thread.ts', import.meta.url), {
    workerData: setup,
    name: 'past',
    resourceLimits: { maxOldGenerationSizeMb: oldMegabytesMax, maxYoungGenerationSizeMb: youngMegabytesMax },
  });
  worker.unref();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const exited = new Promise<void>((ended) => worker.once('exit', () => ended()));
  worker.on('message', (message: FromFold) => {
    // Under `node --watch` the runtime says through the same port what the thread imports.
    if (!('kind' in message)) return;
    if (message.kind === 'progress') onProgress(message.position);
    else if (message.kind === 'folded') resolve(message.path);
    else reject(errorOf(message.failure, setup.projection));
  });
  const ended = (cause?: unknown) =>
    reject(new UnavailableError(`the thread that folds ${setup.projection} has ended`, { cause }));
  worker.once('error', ended);
  worker.once('exit', () => ended());
  return {
    path: promise,
    stop: async () => {
      await worker.terminate();
      await exited;
    },
  };
};
