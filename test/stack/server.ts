import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import type { Guard } from './guarded.ts';
import { cpuSecondsOf, family, isAlive, signalAll } from './processes.ts';

/** A server of the stack: a process of its own, on one port and one data folder for as long as the stack is there. */
export type StackServer<How = never> = {
  readonly port: number;
  /** What it has written. */
  readonly logFile: string;
  /** Starts it where it does not run; resolves when it answers. Rejects with the end of its log. */
  start(): Promise<void>;
  /** Ends it in its own way, by force after 15 s; resolves when it has ended. Nothing where it does not run. */
  stop(how?: How): Promise<void>;
  /** `kill -9`, of it and of all that it has started; resolves when they are gone. */
  kill(): Promise<void>;
  /** Halts it and all that it has started (SIGSTOP): connections stay open, nobody answers. */
  pause(): void;
  resume(): void;
  /** Its processes, itself first; none where it does not run. */
  pids(): readonly number[];
  /** CPU seconds that its living processes have used. */
  cpuSeconds(): number;
};

/** How a server is run. */
export type ServerPlan<How> = {
  readonly name: string;
  readonly port: number;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly logFile: string;
  /** Whether it answers; asked again and again, with what it has written since it was started. */
  ready(written: string): boolean | Promise<boolean>;
  /** Whether a start that failed so is tried again. */
  readonly again?: (written: string) => boolean;
  /** How it is told to end. */
  signalOf(how: How | undefined): NodeJS.Signals;
  /** How the guard ends it, whose data nobody needs any more. */
  readonly lastSignal: NodeJS.Signals;
};

const startMsMax = 60_000;
const stopMsMax = 15_000;
const lookEveryMs = 25;
const shownLinesMax = 15;

const pauseMs = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A server that does not run yet. `onEnd`: it has ended, and nobody here wanted it. */
export const stackServer = <How = never>(
  plan: ServerPlan<How>,
  guard: Guard,
  onEnd: (error: Error) => void,
): StackServer<How> => {
  let child: ChildProcess | undefined;
  let isReady = false;
  let starting: Promise<void> | undefined;
  let writtenFrom = 0;
  const written = () => readFileSync(plan.logFile).subarray(writtenFrom).toString();

  const begin = async (): Promise<void> => {
    const until = performance.now() + startMsMax;
    while (!(await attempt(until))) {
      if (performance.now() > until || plan.again?.(written()) !== true) {
        throw failure(plan.name, 'did not start', written());
      }
      await pauseMs(lookEveryMs);
    }
    isReady = true;
  };

  /** Whether it came to answer; false where it has ended before. */
  const attempt = async (until: number): Promise<boolean> => {
    writtenFrom = sizeOf(plan.logFile);
    const mine = launch(plan);
    child = mine;
    const gone = () => {
      if (mine.pid !== undefined) guard.forget(mine.pid);
      if (child !== mine) return;
      child = undefined;
      if (isReady) onEnd(failure(plan.name, 'has ended', written()));
      isReady = false;
    };
    mine.once('exit', gone);
    mine.once('error', gone);
    if (mine.pid !== undefined) guard.watch(mine.pid, plan.lastSignal);
    while (child === mine) {
      if (await plan.ready(written())) return child === mine;
      if (performance.now() > until) {
        await end('SIGKILL');
        throw failure(plan.name, `did not answer within ${startMsMax} ms`, written());
      }
      await pauseMs(lookEveryMs);
    }
    return false;
  };

  /** Ends it by a signal; it is wanted, so nobody is told. */
  const end = async (signal: NodeJS.Signals) => {
    const mine = child;
    if (mine?.pid === undefined) return;
    isReady = false;
    const members = family(mine.pid);
    if (signal === 'SIGKILL') signalAll(members, signal);
    else {
      signalAll(members, 'SIGCONT');
      signalAll([mine.pid], signal);
    }
    const until = performance.now() + stopMsMax;
    while (members.some(isAlive) || child === mine) {
      if (performance.now() > until) signalAll(members, 'SIGKILL');
      await pauseMs(lookEveryMs);
    }
  };

  const pids = () => (child?.pid === undefined ? [] : family(child.pid));
  return {
    port: plan.port,
    logFile: plan.logFile,
    start: async () => {
      if (isReady) return;
      starting ??= begin().finally(() => {
        starting = undefined;
      });
      await starting;
    },
    stop: (how) => end(plan.signalOf(how)),
    kill: () => end('SIGKILL'),
    pause: () => {
      // Itself first: what it starts until it has halted is found the second time.
      signalAll(pids(), 'SIGSTOP');
      signalAll(pids(), 'SIGSTOP');
    },
    resume: () => signalAll(pids(), 'SIGCONT'),
    pids,
    cpuSeconds: () => cpuSecondsOf(pids()),
  };
};

/** In a session of its own: a key press on the terminal is for us, who end it in our own time. */
const launch = <How>({ command, args, cwd, user, logFile }: ServerPlan<How>): ChildProcess => {
  const log = openSync(logFile, 'a');
  try {
    return spawn(command, args, { cwd, detached: true, stdio: ['ignore', log, log], ...user });
  } finally {
    closeSync(log);
  }
};

const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

const failure = (name: string, what: string, written: string) => {
  const lines = written.trimEnd().split('\n').slice(-shownLinesMax);
  return new Error(`${name} ${what}. Its last lines:\n${lines.map((line) => `  ${line}`).join('\n')}`);
};
