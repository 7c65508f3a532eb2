import { readdirSync, readFileSync } from 'node:fs';

/** Reads the system's table of processes; on systems without /proc only the process itself is known. */

type Entry = {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
  readonly gone: boolean;
};

const ticksPerSecond = 100;

const entryOf = (pid: number): Entry | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { pid, parent: Number(fields[1]), ticks, gone: fields[0] === 'Z' };
  } catch {
    return undefined;
  }
};

const entries = (): readonly Entry[] => {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => entryOf(Number(name)))
      .filter((entry): entry is Entry => entry?.gone === false);
  } catch {
    return [];
  }
};

/** A process and those that it has started, itself first. */
export const family = (pid: number): readonly number[] => {
  const all = entries();
  const found = [pid];
  for (const member of found) {
    for (const entry of all) if (entry.parent === member && !found.includes(entry.pid)) found.push(entry.pid);
  }
  return found;
};

/** CPU seconds of these processes so far, user and system, all threads. */
export const cpuSecondsOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + (entryOf(pid)?.ticks ?? 0), 0) / ticksPerSecond;

/** Whether a process is there, and more than an entry that nobody has read. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return entryOf(pid)?.gone !== true;
};

/** Sends a signal to each that is still there. */
export const signalAll = (pids: readonly number[], signal: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
};
