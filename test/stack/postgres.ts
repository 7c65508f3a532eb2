import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Guard } from './guarded.ts';
import { type StackServer, stackServer } from './server.ts';

const run = promisify(execFile);

/** How PostgreSQL is stopped: `smart` waits for its clients, `fast` ends them, `immediate` is a crash of its own. */
export type PostgresStop = 'smart' | 'fast' | 'immediate';

/** What the server is given. */
export type PostgresOptions = {
  /** The folder of its programs. */
  readonly bin: string;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly folder: string;
  readonly port: number;
  readonly onEnd: (error: Error) => void;
};

/** PostgreSQL as prepared. */
export type PreparedPostgres = {
  readonly server: StackServer<PostgresStop>;
  /** A database of ours, with the name and password of an owner who may do everything. */
  readonly url: string;
  readonly version: string;
};

const owner = 'recourse';
const connectionsMax = 300;
const connectMsMax = 2_000;
const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** A server in `folder` with nothing in it, not started. It keeps its data from start to start, and syncs. */
export const preparePostgres = async (options: PostgresOptions, guard: Guard): Promise<PreparedPostgres> => {
  const { bin, user, folder, port, onEnd } = options;
  const data = join(folder, 'data');
  const password = randomBytes(18).toString('base64url');
  await mkdir(folder, { recursive: true });
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  await initialise(options, data, password);
  const urlOf = (database: string) => `postgres://${owner}:${password}@127.0.0.1:${port}/${database}`;
  const server = stackServer<PostgresStop>(
    {
      name: 'PostgreSQL',
      port,
      command: join(bin, 'postgres'),
      args: [
        ...['-D', data, '-p', String(port)],
        ...['-c', 'listen_addresses=127.0.0.1'],
        ...['-c', 'unix_socket_directories='],
        ...['-c', `max_connections=${connectionsMax}`],
        // In the data folder, which is removed: after a kill nothing is left in /dev/shm.
        ...['-c', 'dynamic_shared_memory_type=mmap'],
      ],
      cwd: folder,
      user,
      logFile: join(folder, 'postgres.log'),
      ready: () => ready(urlOf('postgres')),
      // After a kill those that it had started are gone a moment later than itself.
      again: (written) => written.includes('pre-existing shared memory block'),
      signalOf: (how) => signals[how ?? 'fast'],
      lastSignal: 'SIGQUIT',
    },
    guard,
    onEnd,
  );
  const version = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  return { server, url: urlOf(owner), version };
};

const initialise = async ({ bin, user, folder }: PostgresOptions, data: string, password: string) => {
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user !== undefined) await chown(passwordFile, user.uid, user.gid);
  const access = ['--username', owner, '--pwfile', passwordFile, '--auth', 'scram-sha-256'];
  const locale = ['--encoding', 'UTF8', '--locale', 'C'];
  await run(join(bin, 'initdb'), ['--no-sync', '-D', data, ...access, ...locale], { cwd: folder, ...user });
  await rm(passwordFile);
};

/** Whether it answers; makes our database where it is not there yet. */
const ready = async (url: string): Promise<boolean> => {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectMsMax });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query('select 1 from pg_database where datname = $1', [owner]);
    if (rows.length === 0) await client.query(`create database ${owner}`);
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
};
