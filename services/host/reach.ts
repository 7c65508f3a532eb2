import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Problem } from '@recourse/contracts/http';
import { StartError } from '@recourse/infra/errors';
import { holderOf } from '@recourse/infra/lock';
import { sleep } from '@recourse/infra/ports/clock';
import { foregroundClock } from '@recourse/infra/system';
import { type Client, connect, serverUrl, UnreachableError } from './client.ts';
import type { Environment } from './config.ts';
import { urlOf } from './listen.ts';
import { settings } from './settings.ts';
import { complain } from './terminal.ts';

/** Where a command gets its answers from: a server, or the data folder itself. */
export type Reached = {
  readonly client: Client;
  /** Where from, in words: for stderr. */
  readonly how: string;
  /** Whether a server runs there; else the folder stands still while it is looked at. */
  readonly running: boolean;
  close(): Promise<void>;
};

/** What a person said about where: `--url`, `--data-dir`. */
export type Where = { readonly url?: string; readonly dataDir?: string };

/** How long one waits for a folder that another command reads, or whose server does not listen yet. */
const heldMsMax = 10_000;
const lookAgainMs = 50;

/** How long a server may take to say that it is one. */
const probeMsMax = 2_000;

/**
 * Finds what answers. A URL (`--url`, RECOURSE_URL): the server there, and nothing else. A data folder (`--data-dir`):
 * the server that holds it, else the folder. Neither: the server that holds DATA_DIR (./data), else one at the default
 * URL, else that folder. Throws `StartError` where there is nothing: `no-server`, `no-log`, `data-folder-held`.
 */
export const reach = async (environment: Environment, { url, dataDir }: Where): Promise<Reached> => {
  if (url !== undefined && dataDir !== undefined)
    throw new StartError('invalid-flag', '--url and --data-dir name two places: say one of them.');
  const named = url ?? (dataDir === undefined ? environment.RECOURSE_URL : undefined);
  if (named !== undefined && named !== '') return ofServer(serverUrl(url, environment));

  const folder = resolve(dataDir ?? (environment.DATA_DIR || settings.dataDir.default));
  const holder = await urlOfHolder(folder);
  if (holder !== undefined) return ofServer(holder);
  if (dataDir !== undefined) return ofFolder(folder, environment);
  const usual = serverUrl(undefined, environment);
  const silent = await whySilent(usual);
  if (silent === undefined) return ofServer(usual);
  if (existsSync(join(folder, 'log.db'))) return ofFolder(folder, environment);
  throw new StartError(
    'no-server',
    `No Recourse server answers at ${usual} (${silent}), and the data folder ${folder} holds no log. ` +
      'Start one with npm start, or name a server with --url (RECOURSE_URL) or a data folder with --data-dir (DATA_DIR).',
  );
};

/** Reaches, says how on stderr, and closes again in the end. */
export const reaching = async (
  environment: Environment,
  where: Where,
  use: (client: Client, reached: Reached) => Promise<void>,
): Promise<void> => {
  const reached = await reach(environment, where);
  try {
    complain(reached.how);
    await use(reached.client, reached);
  } finally {
    await reached.close();
  }
};

const ofServer = (url: string): Reached => {
  const client = connect(url);
  return { client, how: `From the server at ${url}.`, running: true, close: client.close };
};

const ofFolder = async (folder: string, environment: Environment): Promise<Reached> => {
  const { openForReading } = await import('./reading.ts');
  const reading = await openForReading(folder, environment);
  const client = connect(reading.url);
  return {
    client,
    how: `From the data folder ${folder} (no server runs there).`,
    running: false,
    close: async () => {
      await client.close();
      await reading.close();
    },
  };
};

/** Who listens on every address is reached by the loopback one. */
const fromHere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Where the server listens that holds a folder; `undefined` where none does. Waits for one that does not listen yet. */
const urlOfHolder = async (folder: string): Promise<string | undefined> => {
  const clock = foregroundClock;
  const from = clock.monotonic();
  for (;;) {
    const holder = holderOf(folder);
    if (holder === undefined) return undefined;
    if (holder !== 'unknown' && holder.port > 0 && holder.reading !== true)
      return urlOf(fromHere[holder.host] ?? holder.host, holder.port);
    if (clock.monotonic() - from > heldMsMax) {
      const who = holder === 'unknown' ? 'another process' : `process ${holder.pid}`;
      throw new StartError(
        'data-folder-held',
        `The data folder ${folder} is held by ${who}, which does not say where it listens: try again once it is done.`,
      );
    }
    await sleep(clock, lookAgainMs);
  }
};

/** Why nobody answers there as a Recourse would; `undefined` where somebody does. */
const whySilent = async (url: string): Promise<string | undefined> => {
  const client = connect(url, { connections: 1 });
  const given = new AbortController();
  const late = sleep(foregroundClock, probeMsMax, given.signal).then(() => 'it does not answer');
  const asked = client.send('GET', '/health/live').then(
    ({ status, body }) =>
      status === 200 || Problem.safeParse(body).success ? undefined : 'something else does',
    (error: unknown) => (error instanceof UnreachableError ? error.why : String(error)),
  );
  try {
    return await Promise.race([asked, late]);
  } finally {
    given.abort();
    await client.close();
  }
};
