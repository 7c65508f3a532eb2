import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { assertNever } from '../assert-never.ts';
import { UnavailableError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { ProjectionStatus } from './projection.ts';
import type { FromProjector, ProjectorSetup, ToProjector } from './protocol.ts';

/** The thread that fills the read models, as the main thread holds it. */
export type Projector = {
  /** How the projections stand, as last heard. */
  status(): readonly ProjectionStatus[];
  /** Grows whenever the thread has opened its files (anew): who reads them opens them again. */
  generation(): number;
  /** Grows whenever rows or states have changed. */
  changes(): number;
  /** Says that the log has grown; may be called for every record. */
  wake(): void;
  /**
   * Asks the thread a question of its entry. Rejects with what it refused; with `UnavailableError` where it died, or
   * answered `Unavailable`.
   */
  ask(question: string): Promise<unknown>;
  /** Resolves once every projection shows this position. Rejects where one has stopped before it. */
  waitFor(position: number): Promise<void>;
  /** Ends the thread at once, as a crash would; it is started again. */
  crash(): Promise<void>;
  close(): Promise<void>;
};

/** What a question is answered with where files fail it, which is nobody's fault: the reason, with what it is of. */
export type Unavailable = { readonly unavailable: string };

const isUnavailable = (answer: unknown): answer is Unavailable =>
  typeof answer === 'object' && answer !== null && 'unavailable' in answer;

/** How a projector is started. */
export type ProjectorOptions = {
  /** The module that calls `runProjector`. */
  readonly entry: URL;
  readonly setup: ProjectorSetup;
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
};

/** The thread hears of new records so often at most: fewer, larger batches write each row less often. */
const wakeEveryMs = 50;
const restartAfterMs = 1_000;
/** The thread's heap: its batches and row caches take some tens of megabytes, most of them short-lived. */
const oldMegabytesMax = 192;
const youngMegabytesMax = 16;

const ended = 'the thread that fills the read models has ended';

type Waiter = { readonly position: number; resolve(): void; reject(error: Error): void };
type Asked = { resolve(answer: unknown): void; reject(error: Error): void };

/** Wakes at once when it has been quiet, else at the end of the interval; one timer at most. */
const throttled = (clock: Clock, everyMs: number, run: () => void) => {
  let quietFrom = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;
  const now = () => {
    cancel = undefined;
    quietFrom = clock.monotonic() + everyMs;
    run();
  };
  return {
    call: () => {
      if (cancel !== undefined) return;
      const restMs = quietFrom - clock.monotonic();
      if (restMs <= 0) now();
      else cancel = clock.after(restMs, now);
    },
    stop: () => cancel?.(),
  };
};

/** What the main thread has heard of the projections, and who waits for them. */
const standing = (logger: Logger | undefined) => {
  let known: readonly ProjectionStatus[] = [];
  let changes = 0;
  let waiters: Waiter[] = [];

  const stuckBefore = (position: number) =>
    known.find((it) => it.state === 'stopped' && it.position < position);

  const settle = () => {
    waiters = waiters.filter((waiter) => {
      const stuck = stuckBefore(waiter.position);
      if (stuck !== undefined)
        waiter.reject(new Error(`projection ${stuck.name} has stopped: ${stuck.error?.message}`));
      else if (known.length > 0 && known.every((it) => it.position >= waiter.position)) waiter.resolve();
      else return true;
      return false;
    });
  };

  const report = (
    before: ProjectionStatus | undefined,
    { name, version, state, error }: ProjectionStatus,
  ) => {
    if (state === (before?.state ?? 'running')) return;
    const fields = { projection: name, version, ...error };
    if (state === 'running') logger?.info(fields, `projection ${name} goes on`);
    else if (state === 'waiting') logger?.warn(fields, `projection ${name} cannot write its file`);
    else logger?.error(fields, `projection ${name} has stopped at ${error?.type} at ${error?.position}`);
  };

  return {
    known: () => known,
    changes: () => changes,
    heard: (next: readonly ProjectionStatus[]) => {
      for (const it of next)
        report(
          known.find(({ name }) => name === it.name),
          it,
        );
      known = next;
      changes += 1;
      settle();
    },
    wait: (position: number) =>
      new Promise<void>((resolve, reject) => {
        waiters.push({ position, resolve, reject });
        settle();
      }),
    rejectAll: (error: Error) => {
      for (const waiter of waiters) waiter.reject(error);
      waiters = [];
    },
  };
};

/**
 * Starts the thread; resolves once its files are there, rejects where it cannot make them. A thread that dies is
 * started again, and goes on from its checkpoints.
 */
export const startProjector = async (options: ProjectorOptions): Promise<Projector> => {
  const { entry, setup, clock, logger } = options;
  const stand = standing(logger);
  const asked = new Map<number, Asked>();
  let askedLast = 0;
  let generation = 0;
  let closing = false;
  let alive = false;
  let worker: Worker;
  const say = (message: ToProjector) => worker.postMessage(message);
  const wakes = throttled(clock, wakeEveryMs, () => say({ kind: 'wake' }));

  const settleAsked = (id: number, settle: (it: Asked) => void) => {
    const it = asked.get(id);
    asked.delete(id);
    if (it !== undefined) settle(it);
  };

  const hear = (message: FromProjector) => {
    switch (message.kind) {
      case 'progress':
        return stand.heard(message.projections);
      case 'answer':
        return settleAsked(message.id, ({ resolve, reject }) => {
          if (isUnavailable(message.answer)) reject(new UnavailableError(message.answer.unavailable));
          else resolve(message.answer);
        });
      case 'refusal':
        return settleAsked(message.id, ({ reject }) => reject(new Error(message.message)));
      case 'failed':
        return logger?.error({ reason: message.message }, 'the read models cannot read the log');
      default:
        return assertNever(message);
    }
  };

  const died = (error: Error | undefined) => {
    alive = false;
    const gone = new UnavailableError(ended, { cause: error });
    for (const id of [...asked.keys()]) settleAsked(id, ({ reject }) => reject(gone));
    if (closing) return stand.rejectAll(gone);
    logger?.error({ err: error }, `${ended}; it is started again`);
    clock.after(restartAfterMs, () => {
      if (!closing) start().catch(() => {});
    });
  };

  /** Resolves at the first progress. A thread that ends before it rejects; `died` starts the next. */
  const start = () =>
    new Promise<void>((resolve, reject) => {
      let error: Error | undefined;
      let ready = false;
      worker = new Worker(entry, {
        workerData: setup,
        name: 'read-models',
        resourceLimits: {
          maxOldGenerationSizeMb: oldMegabytesMax,
          maxYoungGenerationSizeMb: youngMegabytesMax,
        },
      });
      worker.on('message', (message: FromProjector) => {
        // Under `node --watch` the runtime says through the same port what the thread imports.
        if (!('kind' in message)) return;
        if (!ready) {
          ready = true;
          alive = true;
          generation += 1;
          if (closing) say({ kind: 'close' });
        }
        hear(message);
        resolve();
      });
      worker.on('error', (thrown) => {
        error = thrown instanceof Error ? thrown : new Error(String(thrown));
      });
      worker.on('exit', () => {
        reject(error ?? new Error(ended));
        if (generation > 0) died(error);
      });
    });
  await start();

  return {
    status: stand.known,
    generation: () => generation,
    changes: stand.changes,
    wake: wakes.call,
    ask: (question) =>
      new Promise((resolve, reject) => {
        if (!alive) return reject(new UnavailableError(ended));
        askedLast += 1;
        asked.set(askedLast, { resolve, reject });
        say({ kind: 'ask', id: askedLast, question });
      }),
    waitFor: (position) => {
      wakes.call();
      return stand.wait(position);
    },
    crash: async () => {
      await worker.terminate();
    },
    close: async () => {
      if (closing) return;
      closing = true;
      wakes.stop();
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      if (!alive) return;
      say({ kind: 'close' });
      await exited;
    },
  };
};
