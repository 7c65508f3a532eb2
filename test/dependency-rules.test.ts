import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

/** A small house of the same plan, in which everything that the rules forbid is done once. */

const atRoot = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

type Import = readonly [from: string, what: string];

/** What exists besides, to be imported. */
const modules = [
  'contracts/ids',
  'infra/errors',
  'infra/lock',
  'infra/log/sqlite-log',
  'infra/ports/clock',
  'infra/project/projector',
  'sagas/machines',
  'services/api/app',
  'services/api/projections/ledger',
  'services/host/config',
  'services/inventory/service',
  'services/order/service',
  'services/payment/simulated-gateway',
  'test/shop',
];

const forbidden: readonly (readonly [rule: string, ...Import])[] = [
  ['no-circles', 'services/api/circle.ts', './circle.ts'],
  ['contracts-import-zod-only', 'contracts/on-infra.ts', '@recourse/infra/errors'],
  ['contracts-import-zod-only', 'contracts/on-node.ts', 'node:fs'],
  ['contracts-import-zod-only', 'contracts/on-a-library.ts', 'declared'],
  ['infra-knows-contracts-only', 'infra/on-sagas.ts', '@recourse/sagas/machines'],
  ['infra-knows-contracts-only', 'infra/on-tests.ts', '../test/shop.ts'],
  ['sagas-know-ports-only', 'sagas/on-an-adapter.ts', '@recourse/infra/log/sqlite-log'],
  ['sagas-know-ports-only', 'sagas/on-a-service.ts', '@recourse/order/service'],
  ['services-know-ports-only', 'services/order/on-an-adapter.ts', '@recourse/infra/lock'],
  ['services-know-ports-only', 'services/api/on-the-host.ts', '@recourse/host/config'],
  ['participants-do-not-know-each-other', 'services/payment/on-another.ts', '@recourse/inventory/service'],
  ['simulators-belong-to-the-host', 'services/api/on-a-simulator.ts', '@recourse/payment/simulated-gateway'],
  ['nothing-that-is-not-declared', 'infra/on-what-is-not-declared.ts', 'undeclared'],
  ['nothing-that-is-not-there', 'infra/on-what-is-not-there.ts', '@recourse/contracts/nothing'],
];

const allowed: readonly Import[] = [
  ['contracts/on-zod.ts', 'zod'],
  ['infra/on-contracts.ts', '@recourse/contracts/ids'],
  ['infra/on-node.ts', 'node:fs'],
  ['sagas/on-a-port.ts', '@recourse/infra/ports/clock'],
  ['sagas/on-an-adapter.test.ts', '@recourse/infra/log/sqlite-log'],
  ['services/order/on-the-saga.ts', '@recourse/sagas/machines'],
  ['services/payment/on-a-library.ts', 'declared'],
  ['services/payment/on-another.test.ts', '@recourse/inventory/service'],
  ['services/api/on-a-participant.ts', '@recourse/order/service'],
  ['services/api/projections/on-the-projector.ts', '@recourse/infra/project/projector'],
  ['services/host/on-an-adapter.ts', '@recourse/infra/log/sqlite-log'],
  ['services/host/on-a-simulator.ts', '@recourse/payment/simulated-gateway'],
];

let house: string;
let found: { readonly rule: string; readonly from: string }[];
let rules: string[];

const write = async (path: string, text: string) => {
  await mkdir(join(house, dirname(path)), { recursive: true });
  await writeFile(join(house, path), text);
};

const build = async () => {
  await write('package.json', JSON.stringify({ type: 'module', dependencies: { zod: '1', declared: '1' } }));
  for (const name of ['zod', 'declared', 'undeclared']) {
    await write(
      `node_modules/${name}/package.json`,
      JSON.stringify({ name, version: '1.0.0', main: 'index.js' }),
    );
    await write(`node_modules/${name}/index.js`, '');
  }
  await mkdir(join(house, 'node_modules/@recourse'));
  for (const workspace of ['contracts', 'infra', 'sagas', 'api', 'host', 'inventory', 'order', 'payment']) {
    const folder = ['contracts', 'infra', 'sagas'].includes(workspace) ? workspace : `services/${workspace}`;
    const exports = { './*': './*.ts' };
    await write(`${folder}/package.json`, JSON.stringify({ name: `@recourse/${workspace}`, exports }));
    await symlink(join(house, folder), join(house, 'node_modules/@recourse', workspace));
  }
  for (const path of modules) await write(`${path}.ts`, 'export const it = 1;\n');
  const imports = [...allowed, ...forbidden.map(([, ...it]) => it)];
  for (const [path, what] of imports)
    await write(path, `import type { It } from '${what}';\nexport const it = (it: It): It => it;\n`);
};

beforeAll(async () => {
  house = await realpath(await mkdtemp(join(tmpdir(), 'recourse-house-')));
  await build();
  // Its exit code is the number of errors found.
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      atRoot('node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      ...['--config', atRoot('.dependency-cruiser.mjs'), '--output-type', 'json'],
      ...['contracts', 'infra', 'sagas', 'services'],
    ],
    { cwd: house },
  ).catch((failed: { stdout: string }) => failed);
  const { summary } = JSON.parse(stdout) as {
    summary: {
      violations: { from: string; rule: { name: string } }[];
      ruleSetUsed: { forbidden: { name: string }[] };
    };
  };
  found = summary.violations.map(({ from, rule }) => ({ from, rule: rule.name }));
  rules = summary.ruleSetUsed.forbidden.map(({ name }) => name);
});
afterAll(() => rm(house, { recursive: true }));

describe('the rules of who may import whom', () => {
  it('are all broken once below', () => {
    expect([...new Set(forbidden.map(([rule]) => rule))].toSorted()).toEqual(rules.toSorted());
  });

  it.each(forbidden)('%s: finds %s, which imports %s', (rule, from) => {
    expect(found.filter((it) => it.from === from)).toEqual([{ from, rule }]);
  });

  it.each(allowed)('let %s import %s', (from) => {
    expect(found.filter((it) => it.from === from)).toEqual([]);
  });
});
