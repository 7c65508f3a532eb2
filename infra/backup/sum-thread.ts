import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { Summed } from './sums.ts';

/** The thread of `sumFiles`: reads the files that it is given, answers with their sums, and ends. */

const readBytes = 1024 * 1024;

const sum = (path: string): Summed => {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(readBytes);
  const file = openSync(path, 'r');
  try {
    let bytes = 0;
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, read));
      bytes += read;
    }
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    closeSync(file);
  }
};

parentPort?.postMessage((workerData as { paths: readonly string[] }).paths.map(sum));
