import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { StackMissingError } from './missing.ts';

const pom = fileURLToPath(new URL('./pom.xml', import.meta.url));
const pomText = readFileSync(pom, 'utf8');
const digest = createHash('sha256').update(pomText).digest('hex').slice(0, 12);

/** The version of the broker. */
export const kafkaVersion = /<artifactId>kafka_[^<]*<\/artifactId>\s*<version>([^<]+)/.exec(pomText)![1]!;

/** Outlives every stack; another pom.xml has another folder. */
const folder = fileURLToPath(
  new URL(`../../node_modules/.cache/recourse/kafka-${kafkaVersion}-${digest}`, import.meta.url),
);

/** Whether Kafka's jars were fetched before. */
export const jarsThere = (): boolean => existsSync(folder);

/** After so many files fetched one is told how many it are. */
const sayEveryFiles = 20;
const fetchMsMax = 300_000;

/**
 * The folder of Kafka's jars. The first time Maven fetches them (43 MB) and checks their checksums; what is there is
 * whole. Rejects with `StackMissingError` where that fails, with Maven's own words.
 */
export const kafkaJars = async (mvn: string | undefined, say: (line: string) => void): Promise<string> => {
  if (jarsThere()) return folder;
  if (mvn === undefined) throw new Error('nobody can fetch the jars');
  say(`Kafka ${kafkaVersion}: fetching its jars from Maven Central, 43 MB, once …`);
  const partial = `${folder}.partial-${process.pid}`;
  await mkdir(dirname(folder), { recursive: true });
  try {
    await copyDependencies(mvn, partial, say);
    await rename(partial, folder).catch((error: unknown) => {
      // Somebody else was as quick: theirs are the same.
      if (!jarsThere()) throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  say(`Kafka ${kafkaVersion}: its jars are in ${folder}`);
  return folder;
};

const copyDependencies = (mvn: string, into: string, say: (line: string) => void) =>
  new Promise<void>((done, failed) => {
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${into}`, '-DincludeScope=runtime'];
    const child = spawn(mvn, ['--batch-mode', '--strict-checksums', '-f', pom, ...goal], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: fetchMsMax,
      cwd: dirname(folder),
    });
    const kill = () => child.kill();
    process.once('exit', kill);
    const complaints: string[] = [];
    let files = 0;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (/\[ERROR\]|error/i.test(line)) complaints.push(line);
        if (!line.includes('Downloaded from')) return;
        files += 1;
        if (files % sayEveryFiles === 0) say(`  ${files} files`);
      });
    }
    child.once('error', failed);
    child.once('close', (code) => {
      process.off('exit', kill);
      if (code === 0) done();
      else {
        const why = complaints.slice(0, 3).join('\n    ') || `mvn ended with ${code ?? 'a signal'}`;
        failed(new StackMissingError([`Kafka's jars, which Maven could not fetch:\n    ${why}`]));
      }
    });
  });

/** The class path of a folder of jars. */
export const classPath = (jars: string): string => join(jars, '*');
