import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What ends servers and removes files however their owner ends: see guard.ts. */
export type Guard = {
  /** A server runs: it ends by this signal. */
  watch(pid: number, signal: NodeJS.Signals): void;
  /** It has ended. */
  forget(pid: number): void;
  /** Ends all servers that run and removes the leftovers. Resolves when that is done. */
  end(): Promise<void>;
};

const program = fileURLToPath(new URL('./guard.ts', import.meta.url));

/** Starts a guard. `leftovers`: files and folders that nobody needs once this process has ended. */
export const startGuard = (leftovers: readonly string[]): Guard => {
  const child = spawn(process.execPath, [program, '--', ...leftovers], {
    stdio: ['pipe', 'ignore', 'inherit'],
    // Who kills our whole group must not kill it, too.
    detached: true,
  });
  const ended = once(child, 'exit');
  ended.catch(() => {});
  // It has ended already, killed by somebody: nothing can be told to it.
  child.stdin.on('error', () => {});
  return {
    watch: (pid, signal) => void child.stdin.write(`+${pid} ${signal}\n`),
    forget: (pid) => void child.stdin.write(`-${pid}\n`),
    end: async () => {
      child.stdin.end();
      await ended;
    },
  };
};
