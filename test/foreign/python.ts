import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, it } from '@jest/globals';
import { stack } from '../stack/kit.ts';

/** Participants in Python, as processes of their own. */

const run = promisify(execFile);
const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** The example of the documentation. */
export const shippingExample = pathOf('../../docs/examples/shipping.py');

const requirements = pathOf('../../docs/examples/requirements.txt');
const installMsMax = 50_000;

/**
 * The folder with what the example requires, installed once for all runs beside Node's packages; or why it cannot be
 * had: no Python, no pip, or no package registry.
 */
const preparePython = async (): Promise<{ readonly packages: string } | { readonly missing: string }> => {
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const cache = pathOf('../../node_modules/.cache/recourse');
  const packages = `${cache}/python-${digest}`;
  if (existsSync(packages)) return { packages };
  const making = `${packages}.${process.pid}`;
  try {
    mkdirSync(cache, { recursive: true });
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', making];
    await run('python3', [...pip, '-r', requirements], { timeout: installMsMax });
    renameSync(making, packages);
    return { packages };
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // Another run was faster.
    if (existsSync(packages)) return { packages };
    const [why] = String((error as { stderr?: string }).stderr || (error as Error).message).split('\n');
    return { missing: `what docs/examples/requirements.txt names cannot be had for python3: ${why}` };
  }
};

/** `describe`, where there are a stack and Python with what the example requires; else one skipped test that says why. */
export const describeWithPython = async (name: string, body: () => void): Promise<void> => {
  const prepared = stack.missing === undefined ? await preparePython() : { missing: stack.missing };
  if ('missing' in prepared) {
    describe(name, () => it.skip(`skipped: ${prepared.missing}`, () => {}));
    return;
  }
  process.env.RECOURSE_TEST_PYTHONPATH = prepared.packages;
  describe(name, body);
};

/** A participant in a process of its own. */
export type Running = {
  /** What it has said so far, on both streams. */
  said(): string;
  /** Resolves with the exit code, null where a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

/** Starts a script; resolves once it says that it is ready, and rejects where it ends before. */
export const startPython = (
  script: string,
  environment: Readonly<Record<string, string>>,
): Promise<Running> =>
  new Promise((resolve, reject) => {
    const { PATH = '', HOME = '', RECOURSE_TEST_PYTHONPATH: PYTHONPATH = '' } = process.env;
    const env = { PATH, HOME, PYTHONPATH, PYTHONDONTWRITEBYTECODE: '1', ...environment };
    const child = spawn('python3', ['-u', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const ended = new Promise<number | null>((done) => child.on('close', done));
    const hear = (chunk: unknown) => {
      said += String(chunk);
      if (said.includes('ready')) resolve({ said: () => said, stop });
    };
    const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
      child.kill(signal);
      return await ended;
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    ended.then((code) => reject(new Error(`${script} ended with ${code}: ${said}`)));
  });
