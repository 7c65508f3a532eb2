import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { family, isAlive, signalAll } from './processes.ts';

/**
 * Runs beside a stack, in a session of its own, and outlives its owner by seconds: when its standard input ends,
 * because the stack was stopped or because its owner was killed, it ends the servers that it was told of and removes
 * what they have left. Lines: `+<pid> <signal>` a server that runs, and how it is told to end; `-<pid>` it has ended.
 */

const endMsMax = 3_000;
const lookEveryMs = 20;

const { positionals: leftovers } = parseArgs({ allowPositionals: true });
const servers = new Map<number, NodeJS.Signals>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const [pid = '', signal] = line.slice(1).split(' ');
  if (line.startsWith('-')) servers.delete(Number(pid));
  else if (Number(pid) > 1) servers.set(Number(pid), signal as NodeJS.Signals);
}

const running = [...servers.keys()].flatMap(family);
for (const [pid, signal] of servers) {
  // Whoever is paused hears nothing else.
  signalAll(family(pid), 'SIGCONT');
  signalAll([pid], signal);
}
for (let waitedMs = 0; waitedMs < endMsMax && running.some(isAlive); waitedMs += lookEveryMs) {
  await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
}
signalAll(running.filter(isAlive), 'SIGKILL');
for (const path of leftovers) await rm(path, { recursive: true, force: true, maxRetries: 5 });
