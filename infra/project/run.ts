import { parentPort, workerData } from 'node:worker_threads';
import { assertNever } from '../assert-never.ts';
import { openSqliteLogReader } from '../log/reader.ts';
import { systemClock } from '../system.ts';
import { batchRecordsMax, type Folding, openFolding } from './fold.ts';
import type { Projection } from './projection.ts';
import type { FromProjector, ProjectorSetup, ToProjector } from './protocol.ts';

/** What the thread answers besides folding, from its own files: nothing else could see them at one position. */
export type Question = (folding: Folding, extra: unknown) => unknown;

/** How long the thread waits before it looks for records, or tries again, by itself. */
const lookAgainMsMax = 1_000;

const textOf = (error: unknown) => (error as Partial<Error> | null)?.message ?? String(error);

/**
 * Fills the read models, for ever: the main function of the worker thread that an entry module starts with its
 * projections (and no broker, clock or gateway). Folds a batch, looks for messages, folds the next.
 */
export const runProjector = (
  projections: readonly Projection[],
  questions: Readonly<Record<string, Question>>,
): void => {
  const port = parentPort!;
  const { logPath, folder, extra } = workerData as ProjectorSetup;
  const say = (message: FromProjector) => port.postMessage(message);
  const folding = openFolding(folder, projections, openSqliteLogReader(logPath));
  let said = '';
  let folds = false;
  let failed = '';
  let cancelLook = () => {};
  let closed = false;

  const report = () => {
    const all = folding.running.map((it) => it.status());
    const text = JSON.stringify(all);
    if (text === said) return;
    said = text;
    say({ kind: 'progress', projections: all });
  };

  const lookLater = () => {
    cancelLook();
    cancelLook = systemClock.after(lookAgainMsMax, () => {
      folding.retry();
      fold();
    });
  };

  const foldOn = () => {
    if (closed) return;
    try {
      // A batch that is not full is the last for now: each costs a transaction a projection, so let more come first.
      folds = folding.step() >= batchRecordsMax;
      failed = '';
    } catch (error) {
      // The log cannot be read: said once, and tried again.
      folds = false;
      if (failed !== textOf(error)) say({ kind: 'failed', message: textOf(error) });
      failed = textOf(error);
    }
    report();
    if (folds) setImmediate(foldOn);
    else lookLater();
  };

  const fold = () => {
    if (folds) return;
    folds = true;
    foldOn();
  };

  const answer = (id: number, question: string) => {
    try {
      const ask = questions[question];
      if (ask === undefined) throw new Error(`there is no question ${question}`);
      say({ kind: 'answer', id, answer: ask(folding, extra) });
    } catch (error) {
      say({ kind: 'refusal', id, message: textOf(error) });
    }
    report();
  };

  port.on('message', (message: ToProjector) => {
    switch (message.kind) {
      case 'wake':
        return fold();
      case 'ask':
        return answer(message.id, message.question);
      case 'close':
        closed = true;
        cancelLook();
        folding.close();
        return port.close();
      default:
        return assertNever(message);
    }
  });
  report();
  fold();
};
