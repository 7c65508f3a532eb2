import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs with a folder for what the processes say. A folder that somebody has named stays; another one stays, and is named
 * through `say`, only where there were faults, or where the run threw.
 */
export const withLogs = async (
  named: string | undefined,
  say: (line: string) => void,
  run: (logFolder: string) => Promise<readonly string[]>,
): Promise<readonly string[]> => {
  const folder = named ?? (await mkdtemp(join(tmpdir(), 'recourse-chaos-')));
  await mkdir(folder, { recursive: true });
  const tell = () => say(`What every process said is in ${folder}`);
  try {
    const faults = await run(folder);
    if (faults.length > 0) tell();
    else if (named === undefined) await rm(folder, { recursive: true, force: true });
    return faults;
  } catch (error) {
    tell();
    throw error;
  }
};
