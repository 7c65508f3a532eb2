import { parentPort, workerData } from 'node:worker_threads';
import { assertNever } from '../assert-never.ts';
import { openSqliteLogReader } from '../log/reader.ts';
import { RebuildRefusedError } from '../ports/read-models.ts';
import { systemClock as clock } from '../system.ts';
import { batchRecordsMax, type Folding, openFolding } from './fold.ts';
import { textOf } from './fold-records.ts';
import { restMs } from './pace.ts';
import type { Projection } from './projection.ts';
import type { FromProjector, ProjectorSetup, ToProjector } from './protocol.ts';
import { statusMeter } from './status.ts';

/** What the thread answers besides folding, from its own files: nothing else could see them at one position. */
export type Question = (folding: Folding, extra: unknown) => unknown;

/** How long the thread waits before it looks for records, or tries again, by itself. */
const lookAgainMsMax = 1_000;
/** The most records of a rebuild that are read at a time: few, so that what is read is gone again soon. */
const rebuildRecordsMax = 500;
/** At most so much of a rebuild is folded between two looks at what serves, and at messages. */
const rebuildStepsASecondMin = 10;

/**
 * Fills the read models, for ever: the main function of the worker thread that an entry module starts with its
 * projections (and no broker, clock or gateway). Folds a batch, looks for messages, folds the next. Rebuilds go on in
 * between, at their own pace.
 */
export const runProjector = (
  projections: readonly Projection[],
  questions: Readonly<Record<string, Question>>,
): void => {
  const port = parentPort!;
  const { logPath, folder, extra } = workerData as ProjectorSetup;
  const say = (message: FromProjector) => port.postMessage(message);
  const folding = openFolding(folder, projections, openSqliteLogReader(logPath));
  const meter = statusMeter(folding, clock);
  const reading = complaints((message) => say({ kind: 'failed', message }));
  let folds = false;
  let rebuilds = false;
  let cancelLook = () => {};
  let cancelRest = () => {};
  let closed = false;

  const report = () => {
    const projections = meter.news();
    if (projections !== undefined) say({ kind: 'progress', projections });
  };

  const foldOn = () => {
    if (closed) return;
    // A batch that is not full is the last for now: each costs a transaction a projection, so let more come first.
    folds = reading(() => folding.step(), 0) >= batchRecordsMax;
    report();
    if (folds) setImmediate(foldOn);
  };

  const fold = () => {
    if (folds) return;
    folds = true;
    foldOn();
  };

  const rebuildOn = () => {
    const pace = folding.pace();
    if (closed || pace === undefined) {
      rebuilds = false;
      return;
    }
    const recordsMax =
      pace === 'full' || pace === 'default' ? rebuildRecordsMax : pace / rebuildStepsASecondMin;
    const began = clock.monotonic();
    const events = reading(
      () => folding.rebuildStep(Math.max(1, Math.min(rebuildRecordsMax, Math.round(recordsMax)))),
      undefined,
    );
    const rest = restMs(pace, events ?? 0, clock.monotonic() - began, meter.growth());
    report();
    rebuilds = events !== undefined;
    if (!rebuilds) return;
    if (rest === 0) setImmediate(rebuildOn);
    else cancelRest = clock.after(rest, rebuildOn);
  };

  const rebuild = () => {
    if (rebuilds) return;
    rebuilds = true;
    rebuildOn();
  };

  const look = () => {
    folding.retry();
    folding.save();
    fold();
    rebuild();
    cancelLook = clock.after(lookAgainMsMax, look);
  };

  const answer = (id: number, give: () => unknown) => {
    let said: FromProjector;
    try {
      said = { kind: 'answer', id, answer: give() };
    } catch (error) {
      const code = error instanceof RebuildRefusedError ? { code: error.code } : {};
      said = { kind: 'refusal', id, message: textOf(error), ...code };
    }
    report();
    say(said);
  };

  port.on('message', (message: ToProjector) => {
    switch (message.kind) {
      case 'wake':
        return fold();
      case 'ask':
        return answer(message.id, () => {
          const ask = questions[message.question];
          if (ask === undefined) throw new Error(`there is no question ${message.question}`);
          return ask(folding, extra);
        });
      case 'rebuild':
        answer(message.id, () => folding.rebuild(message.names, message.pace));
        return rebuild();
      case 'close':
        closed = true;
        cancelLook();
        cancelRest();
        folding.close();
        return port.close();
      default:
        return assertNever(message);
    }
  });
  report();
  look();
};

/** Runs what reads the log; that it cannot be read is said once, until it can be again. */
const complaints = (complain: (message: string) => void) => {
  let complained = '';
  return <T>(read: () => T, instead: T): T => {
    try {
      const done = read();
      complained = '';
      return done;
    } catch (error) {
      if (complained !== textOf(error)) complain(textOf(error));
      complained = textOf(error);
      return instead;
    }
  };
};
