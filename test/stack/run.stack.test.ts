import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { until } from '../shop.ts';
import { describeOnOwnServers } from './kit.ts';
import { isAlive } from './processes.ts';

const program = fileURLToPath(new URL('./run.ts', import.meta.url));

type Told = {
  readonly environment: Record<string, string>;
  readonly folder: string;
  readonly kafka: { readonly pid: number; readonly port: number };
  readonly postgres: { readonly pid: number; readonly port: number };
};

describeOnOwnServers('npm run stack', () => {
  let folder: string;
  let envFile: string;
  const started: ChildProcess[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recourse-run-'));
    envFile = join(folder, '.env.stack');
  });
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [program, '--json', '--environment', envFile, ...args]);
    started.push(child);
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    return { child, err: () => err, ended: once(child, 'close'), out: () => out };
  };

  const told = async ({ out, err }: ReturnType<typeof start>): Promise<Told> =>
    JSON.parse(
      (
        await until(
          async () => ({ out: out(), err: err() }),
          (text) => text.out.endsWith('\n'),
          50_000,
        )
      ).out,
    ) as Told;

  /** Servers go first: without their files they would end, too, but only some time later. */
  const nothingIsLeft = async ({ kafka, postgres, folder: data }: Told) => {
    await until(
      async () => existsSync(data) || existsSync(envFile),
      (left) => !left,
      20_000,
    );
    expect([isAlive(kafka.pid), isAlive(postgres.pid)]).toEqual([false, false]);
  };

  it('writes the environment while it runs, refuses a second one, and leaves nothing after a signal', async () => {
    // A machine that crashed may have left one.
    await writeFile(envFile, 'KAFKA_BROKERS=127.0.0.1:1\n');
    const first = start();
    const stack = await told(first);
    expect(parseEnv(readFileSync(envFile, 'utf8'))).toEqual(stack.environment);
    expect(stack.environment).toMatchObject({ KAFKA_REPLICATION_FACTOR: '1', DEVELOPMENT: 'true' });
    expect(statSync(envFile).mode & 0o777).toBe(0o600);
    expect(first.err()).toContain(`Kafka 4.3.1 answers on 127.0.0.1:${stack.kafka.port}`);

    const second = start();
    expect((await second.ended)[0]).toBe(1);
    expect(second.err()).toMatch(/^A stack runs already, and .*\.env\.stack names it/);
    const taken = start('--environment', join(folder, 'other'), '--kafka-port', String(stack.kafka.port));
    expect((await taken.ended)[0]).toBe(1);
    expect(taken.err()).toContain(`--kafka-port ${stack.kafka.port} is in use`);
    expect(existsSync(envFile)).toBe(true);

    first.child.kill('SIGTERM');
    expect((await first.ended)[0]).toBe(0);
    expect(first.err()).toContain('SIGTERM: stopping.');
    await nothingIsLeft(stack);
  });

  it('leaves nothing when it is killed -9', async () => {
    const { child, ...run } = start();
    const stack = await told({ child, ...run });
    child.kill('SIGKILL');
    await nothingIsLeft(stack);
  });

  it('ends where one of its servers does, and says which', async () => {
    const run = start();
    const stack = await told(run);
    process.kill(stack.kafka.pid, 'SIGKILL');
    expect((await run.ended)[0]).toBe(1);
    expect(run.err()).toContain('Kafka has ended.');
    await nothingIsLeft(stack);
  });
});
