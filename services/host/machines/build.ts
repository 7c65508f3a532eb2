import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the code is that a saga's next step can depend on. */
const folders = ['contracts', 'sagas', 'infra'];
const libraries = ['xstate', 'zod'];

/**
 * Names the code that decides what sagas do, as a hash of it: all sources of contracts, sagas and infra, and the versions of
 * the libraries that they decide with. The same name means that what this code has been found to fit, it fits.
 */
export const buildName = (root = fileURLToPath(new URL('../../../', import.meta.url))): string => {
  const hash = createHash('sha256').update(process.version);
  for (const folder of folders) {
    const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((it) => it.isFile() && isSource(it.name))
      .map((it) => join(it.parentPath, it.name))
      .filter((path) => !path.includes('node_modules'))
      .sort();
    for (const path of files)
      hash
        .update(`${path.slice(root.length)}\n`)
        .update(readFileSync(path))
        .update('\n');
  }
  const { resolve } = createRequire(join(root, 'sagas/package.json'));
  for (const library of libraries) hash.update(readFileSync(resolve(`${library}/package.json`)));
  return hash.digest('hex');
};

const isSource = (name: string): boolean =>
  name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.endsWith('.d.ts');
