import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../recourse.mjs', import.meta.url));

/** What a run of the `recourse` command came to. */
export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

type Environment = Readonly<Record<string, string>>;

const spawnRecourse = (args: readonly string[], environment: Environment) => {
  const { PATH = '', HOME = '' } = process.env;
  return spawn(process.execPath, [bin, ...args], {
    env: { PATH, HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
};

/** Runs `recourse` in a process of its own, with no environment but what is given, until it ends. */
export const runRecourse = (args: readonly string[], environment: Environment = {}): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawnRecourse(args, environment);
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      output.stdout += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      output.stderr += String(chunk);
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...output }));
  });

/** A server in a process of its own. */
export type Running = {
  readonly url: string;
  /** What it has written so far: on stdout, and on stderr. */
  said(): string;
  complained(): string;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

/** Starts `recourse start` on a free port; resolves once it says where it listens. Rejects when it ends before. */
export const startRecourse = (dataDir: string, environment: Environment = {}): Promise<Running> =>
  listening(spawnRecourse(['start', '--port', '0', '--data-dir', dataDir], environment));

/** Runs a module that starts a server with faults of its own; else as `startRecourse`. */
export const startModule = (path: string): Promise<Running> =>
  listening(spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'pipe'] }));

const listening = (child: ReturnType<typeof spawnRecourse>) =>
  new Promise<Running>((resolve, reject) => {
    let said = '';
    let complained = '';
    const ended = new Promise<number | null>((done) => child.on('close', done));
    child.stderr.on('data', (chunk) => {
      complained += String(chunk);
    });
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      const url = /listens on (\S+)[\s\S]*Try:\n[\s\S]*\n/.exec(said)?.[1];
      if (url === undefined) return;
      const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
        child.kill(signal);
        return ended;
      };
      resolve({ url, said: () => said, complained: () => complained, ended, stop });
    });
    void ended.then((code) => reject(new Error(`it ended with ${code} before it listened: ${complained}`)));
  });
