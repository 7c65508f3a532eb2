import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { buildName } from './build.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

let copy: string;
beforeEach(async () => {
  copy = await mkdtemp(join(tmpdir(), 'recourse-build-'));
  for (const folder of ['contracts', 'sagas', 'infra'])
    await cp(join(root, folder), join(copy, folder), { recursive: true });
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
});
afterEach(() => rm(copy, { recursive: true }));

it('is the same wherever the same sources lie', () => {
  expect(buildName(`${copy}/`)).toBe(buildName());
});

it.each([
  ['a source', 'sagas/charts/more.ts', true],
  ['a source of the contracts', 'contracts/more.ts', true],
  ['a test', 'sagas/more.test.ts', false],
])('with %s more (%s), whether it is another one: %s', async (_, path, isOther) => {
  const before = buildName(`${copy}/`);
  await mkdir(join(copy, path, '..'), { recursive: true });
  await writeFile(join(copy, path), 'export {};\n');
  expect(buildName(`${copy}/`) !== before).toBe(isOther);
});
