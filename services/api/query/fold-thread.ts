import { parentPort, workerData } from 'node:worker_threads';
import { openSqliteLogReader } from '@recourse/infra/log/reader';
import { replayInto } from '@recourse/infra/project/replay';
import { projections } from '../projections/all.ts';
import { failureOf } from './failure.ts';
import type { FoldSetup, FromFold } from './protocol.ts';

/** Folds one projection up to a position, and ends. Whoever waits no more ends it before. */
const fold = ({ logPath, folder, projection: name, upTo }: FoldSetup): void => {
  const say = (message: FromFold) => parentPort?.postMessage(message);
  try {
    const projection = projections.find((it) => it.name === name);
    if (projection === undefined) throw new Error(`there is no projection ${name}`);
    const source = openSqliteLogReader(logPath);
    try {
      const progress = (position: number) => say({ kind: 'progress', position });
      const { files, close } = replayInto(folder, [projection], source, upTo, progress);
      close();
      say({ kind: 'folded', path: files[name]!.path });
    } finally {
      source.close();
    }
  } catch (error) {
    say({ kind: 'failed', failure: failureOf(error) });
  }
};

fold(workerData as FoldSetup);
