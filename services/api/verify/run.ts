import { Worker } from 'node:worker_threads';
import { formatPosition, rfc3339 } from '@recourse/contracts/http';
import type { Verification } from '@recourse/contracts/http-verification';
import { textOf } from '@recourse/infra/log/verify-findings';
import type { Clock } from '@recourse/infra/ports/clock';
import type { CheckResult, FromVerifier, VerifySetup } from './protocol.ts';
import { shownChecks, verdictOf } from './report.ts';

/** A verification that was begun. */
export type Running = {
  /** How it stands; in the end, its report. */
  shown(): Verification;
  /** Resolves once both threads have ended. */
  readonly ended: Promise<void>;
  stop(): void;
};

/** Each thread's heap: what is open of the log, and a young generation in which most of a batch dies. */
const oldMegabytesMax = 192;
const youngMegabytesMax = 96;

/** A thread of it: where it is, and what it has found in the end. */
type Pass = { position: number; checks: readonly CheckResult[] | undefined };

/**
 * Runs a verification in two threads: one reads the log and checks sagas and commands, the other folds the log and
 * compares. Each goes over all events; both together have looked at as many as the mean of the two.
 */
export const runVerification = (verificationId: string, setup: VerifySetup, clock: Clock): Running => {
  const startedAt = clock.now();
  const from = clock.monotonic();
  const entries = ['./history-worker.ts', './models-worker.ts'];
  const passes = entries.map((): Pass => ({ position: 0, checks: undefined }));
  let error: string | undefined;
  let seconds: number | undefined;
  let endedAt: number | undefined;

  const fail = (why: string) => {
    error ??= why;
    for (const worker of workers) worker.terminate();
  };

  const start = (entry: string, pass: Pass) => {
    const worker = new Worker(new URL(entry, import.meta.url), {
      workerData: setup,
      name: 'verification',
      resourceLimits: {
        maxOldGenerationSizeMb: oldMegabytesMax,
        maxYoungGenerationSizeMb: youngMegabytesMax,
      },
    });
    worker.on('message', (message: FromVerifier) => {
      if (message.kind === 'progress') pass.position = message.position;
      else if (message.kind === 'done') {
        pass.position = setup.head;
        pass.checks = message.checks;
      }
    });
    worker.on('error', (thrown) => fail(textOf(thrown)));
    return worker;
  };
  const workers = entries.map((entry, index) => start(entry, passes[index]!));
  const exits = workers.map((worker) => new Promise<void>((resolve) => worker.once('exit', () => resolve())));
  const ended = Promise.all(exits).then(() => {
    if (passes.some(({ checks }) => checks === undefined)) error ??= 'it was stopped before its end';
    endedAt = clock.now();
    seconds = (clock.monotonic() - from) / 1_000;
  });

  const progress = (): Verification['progress'] => {
    const events = Math.floor(passes.reduce((sum, { position }) => sum + position, 0) / passes.length);
    const elapsed = seconds ?? (clock.monotonic() - from) / 1_000;
    const rate = elapsed > 0 ? events / elapsed : 0;
    const left = rate > 0 ? Math.ceil((setup.head - events) / rate) : null;
    return {
      events,
      total: setup.head,
      eventsPerSecond: Math.round(rate),
      secondsLeft: endedAt === undefined ? left : 0,
    };
  };

  const shown = (): Verification => {
    const checks = passes.flatMap((pass) => pass.checks ?? []);
    const isDone = endedAt !== undefined && error === undefined;
    return {
      verificationId,
      state: endedAt === undefined ? 'running' : isDone ? 'done' : 'failed',
      startedAt: rfc3339(startedAt),
      endedAt: endedAt === undefined ? null : rfc3339(endedAt),
      head: formatPosition(setup.head),
      progress: progress(),
      verdict: isDone ? verdictOf(checks) : null,
      checks: isDone ? shownChecks(checks) : [],
      error: endedAt === undefined ? null : (error ?? null),
    };
  };

  return { shown, ended, stop: () => fail('it was stopped before its end') };
};
