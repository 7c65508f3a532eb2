import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const program = fileURLToPath(new URL('./run.ts', import.meta.url));

describe('npm run stack on a machine without what it needs', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recourse-programs-'));
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin', 'java'), '#!/bin/sh\necho \'openjdk version "11.0.2"\' >&2\n');
    await chmod(join(folder, 'bin', 'java'), 0o755);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const run = (environment: Record<string, string>, ...args: string[]) =>
    new Promise<{ code: unknown; err: string; out: string }>((done) => {
      execFile(process.execPath, [program, ...args], { env: environment }, (error, out, err) => {
        done({ code: error?.code ?? 0, err, out });
      });
    });

  it('names what is missing, and how to get it', async () => {
    const { code, err } = await run({ PATH: '/nowhere' }, '--prepare');
    expect(code).toBe(1);
    expect(err).toMatch(/^The stack cannot be started here:\n/);
    expect(err).toContain('\n  Java (no java on PATH): apt-get install default-jre-headless (17 or newer)\n');
    expect(err).not.toContain('    at ');
  });

  it('names a Java that is too old, or not where JAVA_HOME says', async () => {
    expect((await run({ PATH: join(folder, 'bin') }, '--prepare')).err).toContain(
      `Java 17: ${join(folder, 'bin', 'java')} is 11;`,
    );
    expect((await run({ JAVA_HOME: join(folder, 'jdk') }, '--prepare')).err).toContain(
      `Java (no ${join(folder, 'jdk', 'bin', 'java')})`,
    );
  });

  it('refuses a wrong port in words', async () => {
    const { code, err } = await run({}, '--kafka-port', '70000');
    expect(code).toBe(1);
    expect(err).toContain('It must be a whole number from 1 to 65535.');
  });

  it('says what there is', async () => {
    const { code, out } = await run({}, '--help');
    expect(code).toBe(0);
    expect(out).toContain('--environment');
  });
});
