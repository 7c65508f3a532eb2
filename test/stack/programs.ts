import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { StackMissingError } from './missing.ts';

const run = promisify(execFile);
const javaMajorMin = 17;

/** Where the programs of the stack are on this machine. */
export type Programs = {
  readonly java: string;
  /** Maven, which fetches Kafka's jars; undefined where they were fetched before and nobody needs it. */
  readonly mvn: string | undefined;
  /** The folder that has `initdb` and `postgres`. */
  readonly postgresBin: string;
  /** As whom PostgreSQL runs: it refuses to as root. */
  readonly postgresUser: { readonly uid: number; readonly gid: number } | undefined;
};

/**
 * Finds Java (JAVA_HOME, else PATH), Maven, and PostgreSQL (PATH, else the newest of Debian's or Homebrew's folders).
 * Rejects with `StackMissingError` that names all that is missing at once. `jarsThere`: Maven may be missing.
 */
export const findPrograms = async (jarsThere: boolean): Promise<Programs> => {
  const missing: string[] = [];
  const java = await findJava(missing);
  const mvn = onPath('mvn');
  if (mvn === undefined && !jarsThere) {
    missing.push("Maven (mvn), which fetches Kafka's jars: apt-get install maven");
  }
  const postgresBin = await findPostgres();
  if (postgresBin === undefined) {
    missing.push('PostgreSQL (initdb and postgres): apt-get install postgresql');
  }
  const isRoot = process.getuid?.() === 0;
  const postgresUser = isRoot ? await userNamed('postgres') : undefined;
  if (postgresBin !== undefined && isRoot && postgresUser === undefined) {
    missing.push(
      'a user named postgres, as whom PostgreSQL runs where we are root: useradd --system postgres, or start as another user',
    );
  }
  if (missing.length > 0 || java === undefined || postgresBin === undefined)
    throw new StackMissingError(missing);
  return { java, mvn, postgresBin, postgresUser };
};

const findJava = async (missing: string[]): Promise<string | undefined> => {
  const home = process.env.JAVA_HOME;
  const java = home === undefined || home === '' ? onPath('java') : join(home, 'bin', 'java');
  const howTo = `apt-get install default-jre-headless (${javaMajorMin} or newer)`;
  if (java === undefined || !existsSync(java)) {
    missing.push(`Java (${java === undefined ? 'no java on PATH' : `no ${java}`}): ${howTo}`);
    return undefined;
  }
  const said = await run(java, ['-version']).catch((error: Error) => ({ stderr: error.message }));
  const major = Number(/version "(\d+)/.exec(said.stderr)?.[1] ?? 0);
  if (major >= javaMajorMin) return java;
  missing.push(`Java ${javaMajorMin}: ${java} is ${major === 0 ? 'of an unknown version' : major}; ${howTo}`);
  return undefined;
};

const findPostgres = async (): Promise<string | undefined> => {
  const hasBoth = (folder: string) =>
    existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'));
  const onItsPath = (process.env.PATH ?? '').split(delimiter).find(hasBoth);
  if (onItsPath !== undefined) return onItsPath;
  const folders: string[] = [];
  for (const parent of ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt']) {
    for (const name of await readdir(parent).catch(() => [])) folders.push(join(parent, name, 'bin'));
  }
  const version = (folder: string) => Number(/(\d+)\/bin$/.exec(folder)?.[1] ?? 0);
  return folders.filter(hasBoth).sort((a, b) => version(b) - version(a))[0];
};

const onPath = (program: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));

const userNamed = async (name: string) => {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
};
