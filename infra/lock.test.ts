import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { holdFolder } from './lock.ts';

const who = { host: '127.0.0.1', port: 3000 };

describe('a data folder', () => {
  let parent: string;
  let folder: string;
  const children: ChildProcess[] = [];
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'recourse-lock-'));
    folder = join(parent, 'some', 'data');
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(parent, { recursive: true });
  });

  const failureOf = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return error as Error;
    }
    throw new Error('it did not fail');
  };

  /** A process that holds the folder until it is killed. */
  const holder = async (): Promise<ChildProcess> => {
    const module = new URL('./lock.ts', import.meta.url).href;
    const code = `const { holdFolder } = await import(${JSON.stringify(module)});
      globalThis.held = holdFolder(${JSON.stringify(folder)}, { host: '10.0.0.7', port: 4711 });
      console.log('held');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout!, 'data');
    return child;
  };

  it('is made where it does not exist, and held until it is released', () => {
    const held = holdFolder(folder, who);
    expect(failureOf(() => holdFolder(folder, who))).toMatchObject({ code: 'data-folder-held' });
    writeFileSync(join(folder, 'log.db'), '');
    held.release();
    held.release();
    expect(existsSync(join(folder, 'lock.json'))).toBe(false);
    expect(existsSync(join(folder, 'log.db'))).toBe(true);
    holdFolder(folder, who).release();
  });

  it('is gone again once it is released, with those above it, where all were made and nothing came in', () => {
    const held = holdFolder(folder, who);
    const beside = join(parent, 'some', 'other');
    mkdirSync(beside);
    held.release();
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(beside)).toBe(true);
    rmdirSync(beside);
    holdFolder(folder, who).release();
    expect(existsSync(join(parent, 'some'))).toBe(true);
    rmdirSync(join(parent, 'some'));
    holdFolder(folder, who).release();
    expect(readdirSync(parent)).toEqual([]);
  });

  it('stays where it was there before, and is not released twice', () => {
    mkdirSync(folder, { recursive: true });
    const held = holdFolder(folder, who);
    held.release();
    expect(readdirSync(folder)).toEqual(['lock.db']);
    rmSync(folder, { recursive: true });
    const again = holdFolder(folder, who);
    held.release();
    expect(failureOf(() => holdFolder(folder, who))).toMatchObject({ code: 'data-folder-held' });
    again.release();
  });

  it('is refused to a second process, which is told who holds it', async () => {
    const child = await holder();
    const error = failureOf(() => holdFolder(folder, who));
    expect(error).toMatchObject({ name: 'StartError', code: 'data-folder-held' });
    expect(error.message).toContain(`process ${child.pid} (10.0.0.7:4711) since 2`);
    expect(error.message).toContain(folder);
    expect(JSON.parse(readFileSync(join(folder, 'lock.json'), 'utf8'))).toMatchObject({ port: 4711 });
  });

  it('is refused also where the note of its holder cannot be read', async () => {
    await holder();
    writeFileSync(join(folder, 'lock.json'), '{"pid":');
    expect(failureOf(() => holdFolder(folder, who)).message).toContain('held by another process');
  });

  it('is free as soon as its holder was killed, whatever its note says', async () => {
    const child = await holder();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(join(folder, 'lock.json'))).toBe(true);
    const held = holdFolder(folder, who);
    expect(JSON.parse(readFileSync(join(folder, 'lock.json'), 'utf8'))).toMatchObject({
      pid: process.pid,
      ...who,
    });
    held.release();
  });

  it('is refused with the fix where it cannot be made or used', () => {
    writeFileSync(join(parent, 'file'), '');
    for (const path of [join(parent, 'file'), join(parent, 'file', 'data'), '/proc/none/data']) {
      const error = failureOf(() => holdFolder(path, who));
      expect(error).toMatchObject({ name: 'StartError', code: 'data-folder-unusable' });
      expect(error.message).toContain(path);
      expect(error.message).toContain('--data-dir');
    }
  });
});
