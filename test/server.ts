import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A server under test: Recourse as a user runs it, in a process of its own. */
export type Server = {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process until it said ready, in milliseconds. */
  readonly readyMs: number;
  /** CPU seconds used so far, of all its threads. */
  cpuSeconds(): Promise<number>;
  /** The most memory it has held, and what it holds now, in MB. */
  memory(): Promise<{ readonly peakMb: number; readonly nowMb: number }>;
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Sends a signal, and waits for nothing. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves with its exit code, or null where a signal ended it. */
  readonly exited: Promise<number | null>;
};

const command = fileURLToPath(new URL('../services/host/recourse.mjs', import.meta.url));
const readyMsMax = 60_000;
const ticksPerSecond = 100;

/** Starts `recourse start` on a data folder and waits until `/health/ready` answers 200. */
export const startServer = async (
  dataDir: string,
  options: {
    readonly port: number;
    readonly args?: readonly string[];
    readonly nodeArgs?: readonly string[];
    /** Added to this process's own. */
    readonly environment?: Readonly<Record<string, string>>;
    /** What it says on stdout and stderr; default: nothing, and stderr as it is. */
    readonly stdio?: StdioOptions;
  },
): Promise<Server> => {
  const begin = performance.now();
  const args = [
    'start',
    '--data-dir',
    dataDir,
    '--port',
    String(options.port),
    '--demo-stock',
    'false',
    '--log-level',
    'error',
  ];
  const child = spawn(
    process.execPath,
    [...(options.nodeArgs ?? []), command, ...args, ...(options.args ?? [])],
    {
      stdio: options.stdio ?? ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...options.environment },
    },
  );
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const url = `http://127.0.0.1:${options.port}`;
  try {
    await ready(url, child, begin);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const readyMs = performance.now() - begin;
  const pid = child.pid!;
  return {
    url,
    pid,
    readyMs,
    cpuSeconds: async () => {
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    },
    memory: async () => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const mb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024;
      return { peakMb: mb('VmHWM'), nowMb: mb('VmRSS') };
    },
    signal: (signal) => void child.kill(signal),
    exited,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited;
    },
  };
};

const ready = async (url: string, child: ChildProcess, begin: number) => {
  while (performance.now() - begin < readyMsMax) {
    if (child.exitCode !== null) throw new Error(`the server ended with exit code ${child.exitCode}`);
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the server was not ready within ${readyMsMax} ms`);
};

/** Bytes of the log, its write-ahead part not counted: that is bounded and used again. */
export const logBytes = async (dataDir: string): Promise<number> =>
  (await stat(join(dataDir, 'log.db'))).size;
