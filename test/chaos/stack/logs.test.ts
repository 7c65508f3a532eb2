import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { withLogs } from './logs.ts';

const run = async (named: string | undefined, faults: readonly string[] | Error) => {
  const said: string[] = [];
  let folder = '';
  await withLogs(
    named,
    (line) => said.push(line),
    async (logFolder) => {
      folder = logFolder;
      if (faults instanceof Error) throw faults;
      return faults;
    },
  ).catch(() => {});
  const stays = existsSync(folder);
  if (named === undefined) rmSync(folder, { recursive: true, force: true });
  return { stays, isNamed: said.some((line) => line.includes(folder)) };
};

describe('what the processes of a run say', () => {
  it('is thrown away where all is well, and else kept and named', async () => {
    expect(await run(undefined, [])).toEqual({ stays: false, isNamed: false });
    expect(await run(undefined, ['an order is lost'])).toEqual({ stays: true, isNamed: true });
    expect(await run(undefined, new Error('it did not start'))).toEqual({ stays: true, isNamed: true });
  });

  it('stays in a folder that somebody has named', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'recourse-logs-'));
    expect(await run(join(folder, 'new'), [])).toEqual({ stays: true, isNamed: false });
    await rm(folder, { recursive: true });
  });
});
