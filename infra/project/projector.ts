import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { assertNever } from '../assert-never.ts';
import { UnavailableError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import {
  type Pace,
  type ProjectionStatus,
  RebuildingError,
  RebuildRefusedError,
} from '../ports/read-models.ts';
import type { FromProjector, ProjectorSetup, ToProjector } from './protocol.ts';
import { standing } from './standing.ts';

/** The thread that fills the read models, as the main thread holds it. */
export type Projector = {
  /** How the projections stand, as last heard. */
  status(): readonly ProjectionStatus[];
  /** Grows whenever the thread has opened its files (anew), or lets another serve: who reads them opens them again. */
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
  /**
   * Asks for rebuilds of these projections; resolves once they are sure to happen, also after a crash. Rejects with a
   * `RebuildRefusedError` where nothing was changed, with `UnavailableError` where the thread died.
   */
  rebuild(names: readonly string[] | 'all', pace: Pace): Promise<void>;
  /** Resolves once every projection shows this position. Rejects where one has stopped before it. */
  waitFor(position: number): Promise<void>;
  /** Ends the thread at once, as a crash would; it is started again. */
  crash(): Promise<void>;
  close(): Promise<void>;
};

/**
 * What a question is answered with where files fail it, which is nobody's fault: the reason, with what it is of; or
 * the name of the projection that is being rebuilt for another version.
 */
export type Unavailable = { readonly unavailable: string; readonly rebuilding?: string };

const isUnavailable = (answer: unknown): answer is Unavailable =>
  typeof answer === 'object' && answer !== null && 'unavailable' in answer;

const whyUnavailable = ({ unavailable, rebuilding }: Unavailable) =>
  rebuilding === undefined ? new UnavailableError(unavailable) : new RebuildingError(rebuilding);

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
const youngMegabytesMax = 32;

const ended = 'the thread that fills the read models has ended';

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
        if (stand.servesOther(message.projections)) generation += 1;
        return stand.heard(message.projections);
      case 'answer':
        return settleAsked(message.id, ({ resolve, reject }) => {
          if (isUnavailable(message.answer)) reject(whyUnavailable(message.answer));
          else resolve(message.answer);
        });
      case 'refusal':
        return settleAsked(message.id, ({ reject }) =>
          reject(
            message.code === undefined
              ? new Error(message.message)
              : new RebuildRefusedError(message.code, message.message),
          ),
        );
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

  /** Says something that is answered under the id that it is given. */
  const request = (message: (id: number) => ToProjector) =>
    new Promise<unknown>((resolve, reject) => {
      if (!alive) return reject(new UnavailableError(ended));
      askedLast += 1;
      asked.set(askedLast, { resolve, reject });
      say(message(askedLast));
    });

  return {
    status: stand.known,
    generation: () => generation,
    changes: stand.changes,
    wake: wakes.call,
    ask: (question) => request((id) => ({ kind: 'ask', id, question })),
    rebuild: async (names, pace) => {
      await request((id) => ({ kind: 'rebuild', id, names, pace }));
    },
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
