import { spawn } from 'node:child_process';
import { flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { StartError } from '@recourse/infra/errors';
import { foregroundClock, systemClock } from '@recourse/infra/system';
import { Command } from 'commander';
import { type Config, type Environment, type Flags, flagOf, readConfig, settingNames } from '../config.ts';
import { demoCatalogue } from '../demo-catalogue.ts';
import { isDistributed } from '../distributed/needs.ts';
import type { EmbeddedOverrides } from '../embedded.ts';
import { settings } from '../settings.ts';
import { colours, complain, print } from '../terminal.ts';
import { addSettingOptions, examples, flagsOf } from './options.ts';

/** `recourse start`: everything in this process, until a signal. */
export const startCommand = (environment: Environment): Command =>
  addSettingOptions(
    new Command('start')
      .description('Run everything in one process: HTTP API, saga, participants, event log')
      .option('--dev', 'start again whenever a source file changes')
      .addHelpText(
        'after',
        examples(
          'recourse start',
          'recourse start --port 4000 --data-dir /var/lib/recourse',
          'LOG_FORMAT=json PORT=4000 recourse start',
        ),
      ),
  ).action(async (options: Record<string, unknown>) => {
    const flags = flagsOf(options);
    const config = readConfig(flags, environment);
    if (options.dev === true) await watchSources(flags);
    else await start(config);
    // A server may end by a signal that it does not hear: what the next start need not make again is kept now.
    flushCompileCache();
  });

/** What runs here, by how it is ended now: what has not started yet is given up. */
type Recourse = { close: () => Promise<void> };

/** Starts everything, says where it is, and leaves by a signal, or with exit code 1 where it cannot go on. */
export const start = async (config: Config, overrides: EmbeddedOverrides = {}): Promise<void> => {
  if (config.allowUnauthenticated) {
    complain(
      colours.yellow(
        `Warning: whoever reaches ${config.host} can place and cancel orders; nobody is asked who they are (ALLOW_UNAUTHENTICATED).`,
      ),
    );
  }
  const recourse: Recourse = { close: async () => {} };
  const onFatal = (error: Error) => {
    complain(`Recourse cannot go on: ${error.message}`);
    leave(recourse.close, config.shutdownMsMax, 1);
  };
  if (isDistributed(config)) return startRoles(config, onFatal, recourse);
  const { startEmbedded } = await import('../embedded.ts');
  const running = await startEmbedded(config, { ...overrides, onFatal }).catch((error: unknown) => {
    throw explained(error, config);
  });
  recourse.close = running.close;
  closeOnSignal(recourse, config.shutdownMsMax);
  print(`${colours.bold('Recourse')} listens on ${colours.cyan(running.url)}`);
  print(`Data:  ${running.dataDir}${running.isNew ? ' (new)' : ''}`);
  print(`Docs:  ${running.url}/docs`);
  print('Try:');
  print(curlToTry(running.url, config.demoStock));
};

/** Starts this process's roles of a distributed installation. A signal while it waits for what is not there ends it. */
const startRoles = async (
  config: Config,
  onFatal: (error: Error) => void,
  recourse: Recourse,
): Promise<void> => {
  const { startDistributed } = await import('../distributed/distributed.ts');
  const giveUp = new AbortController();
  recourse.close = async () => giveUp.abort();
  closeOnSignal(recourse, config.shutdownMsMax);
  const running = await startDistributed(config, { onFatal, signal: giveUp.signal }).catch(
    (error: unknown) => {
      throw explained(error, config);
    },
  );
  recourse.close = running.close;
  print(`${colours.bold('Recourse')} listens on ${colours.cyan(running.url)}`);
  print(`Roles: ${[...config.role].join(', ')}`);
  if (config.role.has('api')) print(`Docs:  ${running.url}/docs`);
};

const curlToTry = (url: string, demoStock: boolean) => {
  if (!demoStock) return `  curl -s ${url}/health/ready`;
  const [lantern, , mug] = demoCatalogue;
  const body = {
    currency: 'GBP',
    country: 'United Kingdom',
    paymentToken: 'tok_accepted',
    lines: [lantern, mug].map((article) => ({
      sku: article?.sku,
      quantity: 2,
      unitPrice: article?.unitPrice,
    })),
  };
  return [
    `  curl -s -X POST ${url}/orders -H 'content-type: application/json' -H 'prefer: wait=10' \\`,
    `    -d '${JSON.stringify(body)}'`,
  ].join('\n');
};

/** A key press on a terminal comes twice, from the terminal and from npm: a second one is one that comes later. */
const samePressMs = 500;

const closeOnSignal = (recourse: Recourse, shutdownMsMax: number) => {
  let firstAt: number | undefined;
  const stop = (signal: NodeJS.Signals) => {
    const now = systemClock.monotonic();
    if (firstAt !== undefined) {
      if (now - firstAt > samePressMs) process.exit(signal === 'SIGINT' ? 130 : 143);
      return;
    }
    firstAt = now;
    complain(`${signal}: taking no new orders, ending what is in hand.`);
    leave(recourse.close, shutdownMsMax, 0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
};

/** Closes what can be closed in time, and exits. */
const leave = (close: () => Promise<void>, shutdownMsMax: number, exitCode: number) => {
  // Keeps the process alive until it has closed: what it waits for may hold nothing that does.
  foregroundClock.after(shutdownMsMax, () => {
    complain(`Not done after ${shutdownMsMax} ms: leaving. What is open goes on at the next start.`);
    process.exit(1);
  });
  close().then(
    () => process.exit(exitCode),
    (error: unknown) => {
      complain(`Stopping failed: ${error instanceof Error ? error.message : String(error)}`);
      process.exit(1);
    },
  );
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';

/** Says in terms of the settings what the system says in terms of sockets and files. */
const explained = (error: unknown, { port, host }: Config): unknown => {
  if (error instanceof StartError) return error;
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new StartError(
        'port-in-use',
        `PORT (--port) ${port} on ${host} is in use: stop what listens there, or choose another port (0 takes any free one).`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StartError('host-unknown', `HOST (--host) ${host} is not an address of this machine.`);
    case 'EACCES':
      return new StartError(
        'port-denied',
        `PORT (--port) ${port} may not be listened on: choose one above 1023.`,
      );
    default:
      return error;
  }
};

const self = fileURLToPath(new URL('../recourse.mjs', import.meta.url));

/** Runs `recourse start` under `node --watch` with the same flags, until a signal ends it. */
const watchSources = async (flags: Flags) => {
  const passedOn = settingNames.flatMap((name) => {
    const value = flags[name];
    return value === undefined ? [] : [`${flagOf(settings[name])}=${value}`];
  });
  const child = spawn(process.execPath, ['--watch', '--watch-preserve-output', self, 'start', ...passedOn], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  await new Promise<void>((ended) => {
    child.on('exit', (code) => {
      process.exitCode = code ?? 0;
      ended();
    });
  });
};
