import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@recourse/infra/ports/clock';
import { ProblemError } from '../problem.ts';
import type { FoldRun, startFold } from './fold-run.ts';

/** What bounds the folds of the past. */
export type FoldLimits = {
  /** How many are under way at a time, each in a thread of its own, and how many more may wait. */
  readonly runningMax: number;
  readonly waitingMax: number;
  /** How many results are kept for the next page, and for how long after they were last read. */
  readonly keptMax: number;
  readonly keptMsMax: number;
};

/** Usual bounds: folding takes all of a core, and what it makes is as large as the read model. */
export const usualFoldLimits: FoldLimits = { runningMax: 2, waitingMax: 16, keptMax: 4, keptMsMax: 60_000 };

/** A projection as it stood at a position. */
export type Past = { readonly projection: string; readonly position: number };

/** How one waits for a fold: until `signal` says that nobody does any more. */
export type Waiting = {
  readonly signal?: AbortSignal | undefined;
  onProgress?(position: number): void;
};

/** Projections as they stood, folded from the log into files that are soon removed again. */
export type Folds = {
  /**
   * Calls `read` with the file of a projection as it stood, which stays until `read` has settled. Who asks for the
   * same shares it. Rejects with the reason of `signal`, with `overloaded` where too many wait, or with why it cannot
   * be folded.
   */
  use<T>(past: Past, waiting: Waiting, read: (path: string) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

type Fold = {
  readonly past: Past;
  readonly folder: string;
  readonly listeners: Set<(position: number) => void>;
  readonly done: PromiseWithResolvers<string>;
  run?: FoldRun;
  state: 'waiting' | 'running' | 'there' | 'gone';
  users: number;
  forget(): void;
};

/**
 * Opens the folds: `folder` is theirs alone, made when it is needed; whatever an earlier process has left there is
 * removed at once.
 */
export const openFolds = (options: {
  readonly folder: string;
  readonly logPath: string;
  readonly clock: Clock;
  readonly limits: FoldLimits;
  readonly start: typeof startFold;
}): Folds => {
  const { folder, logPath, clock, limits } = options;
  /** In the order in which they were last used. */
  const folds = new Map<string, Fold>();
  const removals = new Set<Promise<unknown>>();
  let made = 0;
  let closed: ProblemError | undefined;
  removeNow(folder);

  const count = (state: Fold['state']) =>
    folds
      .values()
      .filter((it) => it.state === state)
      .toArray().length;

  const drop = (key: string, fold: Fold, why?: unknown) => {
    if (fold.state === 'gone') return;
    fold.state = 'gone';
    fold.forget();
    folds.delete(key);
    fold.done.reject(why);
    const settled: Promise<unknown> = Promise.resolve(fold.run?.stop())
      .then(() => rm(fold.folder, { recursive: true, force: true }))
      .catch(() => {}) // it is tried again when this is closed
      .finally(() => removals.delete(settled));
    removals.add(settled);
  };

  const startNext = () => {
    for (const [key, fold] of folds) {
      if (count('running') >= limits.runningMax) return;
      if (fold.state === 'waiting') start(key, fold);
    }
  };

  const start = (key: string, fold: Fold) => {
    fold.state = 'running';
    const { projection, position } = fold.past;
    fold.run = options.start({ logPath, folder: fold.folder, projection, upTo: position }, (reached) => {
      for (const hear of fold.listeners) hear(reached);
    });
    fold.run.path
      .then((path) => {
        if (fold.state !== 'running') return;
        fold.state = 'there';
        fold.done.resolve(path);
      })
      .catch((error: unknown) => drop(key, fold, error))
      .finally(startNext);
  };

  /** Keeps the newest results, for a while; who reads one holds it. */
  const keepFew = () => {
    const idle = [...folds].filter(([, it]) => it.state === 'there' && it.users === 0);
    for (const [key, fold] of idle.slice(0, Math.max(0, idle.length - limits.keptMax))) drop(key, fold);
  };

  const begin = (key: string, past: Past): Fold => {
    if (count('waiting') >= limits.waitingMax)
      throw new ProblemError('overloaded', 'Too many queries of the past are under way.');
    made += 1;
    const done = Promise.withResolvers<string>();
    done.promise.catch(() => {}); // who waits hears it; perhaps nobody does any more
    const place = join(folder, `${made}-${past.projection}-${past.position}`);
    const fold: Fold = {
      past,
      folder: place,
      listeners: new Set(),
      done,
      state: 'waiting',
      users: 0,
      forget: () => {},
    };
    folds.set(key, fold);
    return fold;
  };

  const leave = (key: string, fold: Fold) => {
    fold.users -= 1;
    if (fold.users > 0 || fold.state === 'gone') return;
    if (fold.state !== 'there') return drop(key, fold);
    fold.forget = clock.after(limits.keptMsMax, () => drop(key, fold));
    keepFew();
  };

  return {
    use: async (past, { signal, onProgress }, read) => {
      signal?.throwIfAborted();
      if (closed !== undefined) throw closed;
      const key = `${past.projection}@${past.position}`;
      const fold = folds.get(key) ?? begin(key, past);
      fold.users += 1;
      fold.forget();
      folds.delete(key);
      folds.set(key, fold);
      if (onProgress) fold.listeners.add(onProgress);
      const left = Promise.withResolvers<never>();
      const abort = () => left.reject(signal?.reason);
      signal?.addEventListener('abort', abort);
      try {
        startNext();
        return await read(await Promise.race([fold.done.promise, left.promise]));
      } finally {
        signal?.removeEventListener('abort', abort);
        if (onProgress) fold.listeners.delete(onProgress);
        leave(key, fold);
        startNext();
      }
    },
    close: async () => {
      closed = new ProblemError('stopping', 'The service is stopping.');
      for (const [key, fold] of [...folds]) drop(key, fold, closed);
      await Promise.all(removals);
      removeNow(folder);
    },
  };
};

/** What cannot be removed now (a folder that may only be read, for one) is tried again at the next start. */
const removeNow = (folder: string) => {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // It is in nobody's way: every fold has a folder of its own.
  }
};
