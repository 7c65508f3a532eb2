#!/usr/bin/env node
// The `recourse` command. Plain JavaScript that any Node ≥ 18 can read: it finds out whether the Node that runs it
// can run the rest, hands over to the one that `npm install` brought where it cannot, and else says what to do.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module'; // `enableCompileCache` is none of an old Node's
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const nodeMajorMin = 26;

/** How far the heap may grow beyond what lives in it before it is collected: V8's own four times is memory for nothing. */
const heapGrowingPercent = 80;
const self = fileURLToPath(import.meta.url);

const main = async () => {
  if (Number.parseInt(process.versions.node, 10) >= nodeMajorMin) {
    setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent}`);
    cacheCode();
    const { main: run } = await import('./cli.ts');
    await run(process.argv.slice(2), process.env);
    return;
  }
  const ours = findNode();
  if (ours === undefined) {
    process.stderr.write(
      `recourse needs Node ${nodeMajorMin} or newer, and this is Node ${process.versions.node}. npm install brings one along, ` +
        `but none for ${process.platform} ${process.arch}, or it was skipped (--omit=optional). ` +
        `Run npm install again, or install Node ${nodeMajorMin} from https://nodejs.org and put it first in PATH.\n`,
    );
    process.exitCode = 1;
    return;
  }
  handOver(ours);
};

/**
 * Keeps what Node has made of the sources, so that the next start need not make it again: beside the packages, where who
 * may write could change the sources as well. Where nobody may write there, each start makes it.
 */
const cacheCode = () => {
  const packages = dirname(dirname(nodeModule.createRequire(import.meta.url).resolve('zod/package.json')));
  nodeModule.enableCompileCache(join(packages, '.cache', 'recourse', 'code'));
};

/** The Node that the lockfile brings: its path, or undefined where this machine has none that runs. */
const findNode = () => {
  const require = nodeModule.createRequire(import.meta.url);
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  const packages = [
    `node-${process.platform}-${process.arch}`,
    `node-bin-${process.platform}-${process.arch}`,
  ];
  if (process.platform === 'win32') packages.push(`node-win-${process.arch}`);
  const paths = packages.flatMap((name) => {
    try {
      return [join(dirname(require.resolve(`${name}/package.json`)), 'bin', file)];
    } catch {
      return [];
    }
  });
  return paths.find(
    (path) =>
      existsSync(path) &&
      Number.parseInt(spawnSync(path, ['-p', 'process.versions.node']).stdout?.toString() ?? '', 10) >=
        nodeMajorMin,
  );
};

/** Runs this same command on another Node, as a child that gets the signals that this process gets. */
const handOver = (node) => {
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    for (const each of signals) process.removeAllListeners(each);
    if (signal !== null) process.kill(process.pid, signal);
    else process.exitCode = code ?? 1;
  });
};

await main();
