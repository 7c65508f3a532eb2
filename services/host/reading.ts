import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openReadModels, type ReadModels } from '@recourse/api/read-models';
import { openStoredDeliveries } from '@recourse/infra/broker/stored-deliveries';
import { DamagedError, StartError, UnavailableError } from '@recourse/infra/errors';
import { holdFolder } from '@recourse/infra/lock';
import { openStoredLog } from '@recourse/infra/log/stored-log';
import { systemClock } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import { type Environment, readConfig } from './config.ts';
import { listen, urlOf } from './listen.ts';
import { type Closing, closeAll, composed, openApi, openFolderParts, participantsOf } from './parts.ts';

/** A data folder that is open for reading: the same API, in this process. */
export type Reading = {
  readonly url: string;
  /** Closes everything and gives the folder up. */
  close(): Promise<void>;
};

const host = '127.0.0.1';

/**
 * The composition for reading: the API over a data folder in which no server runs, for this machine only, on a port
 * of the system's choice. There are no consumers, no timers and nobody outside; of what the folder holds only the read
 * models are written, which are folded on. What would write anything else is answered 503 `read-only`. A damaged log
 * is no reason not to open: what cannot be read of it is answered 503 `unavailable`, with the reason.
 *
 * Throws `StartError`: `no-log` where there is none, `data-folder-held` where a process has the folder.
 */
export const openForReading = (dataDir: string, environment: Environment): Promise<Reading> =>
  composed((closing) => compose(resolve(dataDir), environment, closing));

const compose = async (dataDir: string, environment: Environment, closing: Closing): Promise<Reading> => {
  const clock = systemClock;
  const inData = (...path: string[]) => join(dataDir, ...path);
  if (!existsSync(inData('log.db')))
    throw new StartError('no-log', `${dataDir} holds no log.db: name the data folder of a Recourse.`);
  const flags = { host, port: '0', dataDir, logLevel: 'silent' };
  const config = readConfig({ ...flags, allowUnauthenticated: 'false' }, environment);
  const logger = createLogger({ level: config.logLevel, pretty: config.logFormat });
  const metrics = createMetrics();
  closing.push(metrics.close);

  const held = holdFolder(dataDir, { host, port: 0, reading: true }, clock);
  closing.push(() => held.release());
  const http = await listen(config, clock);
  closing.push(http.close);
  held.note({ host, port: http.port, reading: true });

  const log = openStoredLog(inData('log.db'), clock);
  closing.push(() => log.close());
  const participants = participantsOf({ config, log, gateway: nobody, carrier: nobody, clock, logger });
  const deliveries = openStoredDeliveries(inData('delivery.db'), log);
  closing.push(deliveries.close);
  const readModels = await openReadModels({
    dataDir,
    logPath: inData('log.db'),
    log,
    clock,
    logger,
    deadlineMs: config.orderDeadlineMs,
  }).catch((error: unknown) => readModelsThatFail(log.damage() ?? error));
  closing.push(() => readModels.close());

  const folderParts = openFolderParts({ dataDir, clock, logger }, closing);
  const { api, live } = await openApi({
    config,
    log,
    participants,
    deadLetters: deliveries.deadLetters,
    lag: deliveries.lag,
    readModels,
    ...folderParts,
    open: { position: await log.head(), open: 0 },
    clock,
    ids: undefined,
    logger,
    metrics,
    ready: () => ['the data folder is open for reading only', ...damageOf(log)],
    stopping: () => false,
  });
  closing.push(() => live.close());
  http.answerBy(api);
  return { url: urlOf(host, http.port), close: () => closeAll(closing) };
};

const damageOf = (log: ReturnType<typeof openStoredLog>): string[] => {
  const damage = log.damage();
  return damage === undefined ? [] : [damage.message];
};

const notCalled = async () => {
  throw new UnavailableError('nothing outside is called while a data folder is only read');
};

/** The provider and the carrier of a composition that acts on nothing. */
const nobody = {
  charge: notCalled,
  authorize: notCalled,
  capture: notCalled,
  void: notCalled,
  refund: notCalled,
  ship: notCalled,
  cancel: notCalled,
};

/** The read models of a log that cannot be read at all. */
const readModelsThatFail = (error: unknown): ReadModels => {
  const failed =
    error instanceof DamagedError
      ? error
      : new UnavailableError('the read models cannot be opened', { cause: error });
  const refuse = async () => {
    throw failed;
  };
  return {
    listOrders: refuse,
    listSagas: refuse,
    ledger: refuse,
    counts: refuse,
    countedFrom: async () => ({ position: 0, open: 0 }),
    read: refuse,
    rebuild: refuse,
    positions: async () => ({}),
    status: refuse,
    waitFor: refuse,
    close: async () => {},
  };
};
