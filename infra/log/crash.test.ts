import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { StreamName } from '@recourse/contracts/streams';
import { temporaryLogs } from './testing/temporary.ts';

const appender = new URL('./testing/appender.ts', import.meta.url).pathname;

type Acknowledged = { readonly stream: StreamName; readonly revision: number; readonly id: string };

/** Runs the appender until it ends, or until `killAfter` acknowledged appends; answers what it said. */
const runAppender = async (
  command: string,
  args: readonly string[],
  killAfter = Number.POSITIVE_INFINITY,
) => {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: Acknowledged[] = [];
  let refused: string | undefined;
  const lines = createInterface({ input: child.stdout });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  lines.on('line', (line) => {
    const [stream, revision, id] = line.split(' ');
    if (stream === 'refused') refused = line;
    else acknowledged.push({ stream: stream as StreamName, revision: Number(revision), id: id! });
    if (acknowledged.length === killAfter) child.kill('SIGKILL');
  });
  await ended;
  return { acknowledged, refused };
};

describe('a log whose process ends in the middle of appends', () => {
  const logs = temporaryLogs();
  afterEach(logs.clean);

  /**
   * Opens the log, which moves what the crash left beside its file into it, and looks for every acknowledged append;
   * answers how many records it holds.
   */
  const expectAll = async (path: string, acknowledged: readonly Acknowledged[]) => {
    const log = logs.open(path);
    expect(statSync(`${path}-wal`).size).toBe(0);
    const held = new Map<string, string>();
    for (const { stream, revision, id, position } of await log.readAll(0, Number.MAX_SAFE_INTEGER)) {
      held.set(`${stream} ${revision}`, id);
      expect(position).toBe(held.size);
    }
    for (const { stream, revision, id } of acknowledged) expect(held.get(`${stream} ${revision}`)).toBe(id);
    await log.close();
    return held.size;
  };

  it('holds every acknowledged append after each of several kills', async () => {
    const path = logs.path();
    const all: Acknowledged[] = [];
    for (const killAfter of [1, 500, 3_000]) {
      const { acknowledged } = await runAppender(process.execPath, [appender, path], killAfter);
      all.push(...acknowledged);
      expect(acknowledged.length).toBeGreaterThanOrEqual(killAfter);
      expect(await expectAll(path, all)).toBeGreaterThanOrEqual(all.length);
    }
  });

  const unlimited = process.platform === 'win32';
  (unlimited ? it.skip : it)('holds every acknowledged append after its files could not grow', async () => {
    const path = logs.path();
    const limited = ['-c', 'ulimit -f 800; exec "$0" "$@"', process.execPath, appender, path];
    const { acknowledged, refused } = await runAppender('sh', limited);
    expect(refused).toContain('the log takes no more writes');
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(await expectAll(path, acknowledged)).toBeGreaterThanOrEqual(acknowledged.length);
  });
});
