import { Worker } from 'node:worker_threads';

/** The size of a file and its SHA-256. */
export type Summed = { readonly bytes: number; readonly sha256: string };

/** Reads files, in a thread of its own: here every megabyte would be a moment in which nothing else is done. */
export const sumFiles = (paths: readonly string[], signal: AbortSignal): Promise<Summed[]> =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const worker = new Worker(new URL('./sum-thread.ts', import.meta.url), {
      workerData: { paths },
      name: 'backup-sums',
    });
    const giveUp = () => void worker.terminate();
    signal.addEventListener('abort', giveUp, { once: true });
    let summed: Summed[] | undefined;
    worker.on('message', (message: unknown) => {
      // Under `node --watch` the runtime says through the same port what the thread imports.
      if (Array.isArray(message)) summed = message as Summed[];
    });
    worker.once('error', reject);
    worker.once('exit', () => {
      signal.removeEventListener('abort', giveUp);
      if (summed === undefined) reject(signal.reason ?? new Error('the thread that sums files has ended'));
      else resolve(summed);
    });
  });
