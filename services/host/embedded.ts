import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openReadModels } from '@recourse/api/read-models';
import { openEmbeddedBroker } from '@recourse/infra/broker/embedded-broker';
import { UnknownVersionError } from '@recourse/infra/errors';
import { holdFolder } from '@recourse/infra/lock';
import { openSqliteLog, type SqliteLogOptions } from '@recourse/infra/log/sqlite-log';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Ids } from '@recourse/infra/ports/ids';
import { systemClock } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import { openTimerStore } from '@recourse/infra/timer-store';
import type { PaymentGateway } from '@recourse/payment/gateway';
import { openSimulatedGateway } from '@recourse/payment/simulated-gateway';
import { orchestrator } from '@recourse/sagas/orchestrator';
import { timersService } from '@recourse/sagas/timers';
import type { Carrier } from '@recourse/shipping/carrier';
import { openSimulatedCarrier } from '@recourse/shipping/simulated-carrier';
import type { Config } from './config.ts';
import { putInDemoCatalogue } from './demo-catalogue.ts';
import { refuseImported } from './imported.ts';
import { listen, urlOf } from './listen.ts';
import { checkMachines } from './machines/check.ts';
import { folderCharts } from './machines/kept-charts.ts';
import { openAtStart } from './machines/open-at-start.ts';
import { refuseMoved } from './move/moved.ts';
import {
  type Closing,
  closeAll,
  composed,
  deadLetterKeysOf,
  newOrdersOf,
  openApi,
  openFolderParts,
  participantsOf,
  together,
} from './parts.ts';

/** Who starts it listens by `onFatal`; the others are what a test puts in the place of the real thing. */
export type EmbeddedOverrides = {
  readonly clock?: Clock;
  readonly ids?: Ids;
  readonly logOptions?: Partial<SqliteLogOptions>;
  wrapLog?(log: EventLog): EventLog;
  wrapGateway?(gateway: PaymentGateway): PaymentGateway;
  wrapCarrier?(carrier: Carrier): Carrier;
  /**
   * Called once, with what it cannot go on with (a record of a newer version): nothing is handled any more, and it is
   * not ready. Who started it should close it, and leave. May be called before `startEmbedded` has resolved.
   */
  onFatal?(error: Error): void;
};

/** A running Recourse: everything in this process. */
export type Recourse = {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Whether the data folder was empty. */
  readonly isNew: boolean;
  /** The log, for tests and tools in the same process. */
  readonly log: EventLog;
  /** Takes no new orders, ends what is in hand, closes everything. */
  close(): Promise<void>;
};

/**
 * The embedded composition: the services wired to the log, the broker, the read models and the simulated provider
 * and carrier, all in this process. Rejects with `StartError` where it cannot start, or with the error of the socket;
 * whatever was open is closed again.
 */
export const startEmbedded = (config: Config, overrides: EmbeddedOverrides = {}): Promise<Recourse> =>
  composed((closing) => compose(config, overrides, closing));

const compose = async (config: Config, overrides: EmbeddedOverrides, closing: Closing): Promise<Recourse> => {
  const { clock = systemClock } = overrides;
  const dataDir = resolve(config.dataDir);
  const inData = (...path: string[]) => join(dataDir, ...path);
  const logger = createLogger({ level: config.logLevel, pretty: config.logFormat });
  const metrics = createMetrics();
  let fatal: Error | undefined;
  let stopping = false;
  const stopForGood = (error: Error) => {
    if (fatal !== undefined) return;
    fatal = error;
    overrides.onFatal?.(error);
  };

  refuseImported(dataDir);
  refuseMoved(dataDir);
  const held = holdFolder(dataDir, { host: config.host, port: config.port }, clock);
  closing.push(() => held.release());
  const http = await listen(config, clock);
  closing.push(http.close);
  held.note({ host: config.host, port: http.port });
  mkdirSync(inData('simulated'), { recursive: true });

  const sqliteLog = openSqliteLog({
    path: inData('log.db'),
    clock,
    logger,
    observeAppendMs: metrics.observeAppendMs,
    onFailure: (error) => {
      if (error instanceof UnknownVersionError) stopForGood(error);
    },
    ...overrides.logOptions,
  });
  closing.push(() => sqliteLog.close());
  const log = overrides.wrapLog?.(sqliteLog) ?? sqliteLog;
  const isNew = sqliteLog.headNow() === 0;
  await checkMachines({
    charts: folderCharts(dataDir),
    open: () => openAtStart(dataDir),
    log,
    logger,
  });

  const gateway = openSimulatedGateway({
    path: inData('simulated', 'gateway.db'),
    clock,
    latencyMs: config.gatewayLatencyMs,
    slowMs: config.slowMs,
  });
  closing.push(() => gateway.close());
  const carrier = openSimulatedCarrier({
    path: inData('simulated', 'carrier.db'),
    clock,
    latencyMs: config.carrierLatencyMs,
    slowMs: config.slowMs,
    servedCountries: config.carrierCountries,
  });
  closing.push(() => carrier.close());

  const participants = participantsOf({
    config,
    log,
    gateway: overrides.wrapGateway?.(gateway) ?? gateway,
    carrier: overrides.wrapCarrier?.(carrier) ?? carrier,
    clock,
    logger,
  });
  const { orders, payment, shipping, inventory } = participants;
  const sagas = orchestrator({
    log,
    times: { askDelaysMs: config.askDelaysMs, deadlineMs: config.orderDeadlineMs },
    newOrders: newOrdersOf(config),
  });
  const timerStore = openTimerStore(inData('timers.db'), sqliteLog.headNow());
  closing.push(() => timerStore.close());
  const timers = timersService({ log, clock, store: timerStore, logger });

  const broker = await openEmbeddedBroker({
    log,
    path: inData('delivery.db'),
    clock,
    logger,
    retryDelaysMs: config.retryDelaysMs,
    shutdownMsMax: Math.floor(config.shutdownMsMax / 2),
    onFatal: stopForGood,
  });
  closing.push(() => broker.close());
  // After all that may refuse to start on this log: a refused start changes nothing.
  if (config.demoStock) await putInDemoCatalogue(log, inventory);
  const readModels = await openReadModels({
    dataDir,
    logPath: inData('log.db'),
    log,
    clock,
    logger,
    deadlineMs: config.orderDeadlineMs,
    deadLetterKeys: () => deadLetterKeysOf(broker.deadLetters),
  });
  closing.push(() => readModels.close());
  const folderParts = openFolderParts({ dataDir, clock, logger }, closing);
  const { api, live } = await openApi({
    config,
    log,
    participants,
    deadLetters: broker.deadLetters,
    lag: broker.lag,
    readModels,
    ...folderParts,
    open: await readModels.countedFrom(),
    clock,
    ids: overrides.ids,
    logger,
    metrics,
    ready: () => [
      ...(sqliteLog.failed() === undefined ? [] : ['the event log takes no writes']),
      ...(fatal === undefined ? [] : [fatal.message]),
      ...broker.problems(),
    ],
    stopping: () => stopping,
  });
  closing.push(() => live.close());

  for (const { group } of [sagas, orders, payment, inventory, shipping, timers]) broker.consume(group);
  await timers.start();
  closing.push(() => timers.close());
  // Who waits is answered before the connections are closed, and those before anything that they need. The groups
  // begin nothing more meanwhile.
  closing.push(together([http.close, () => broker.close()]));
  closing.push(() => live.close());
  http.answerBy(api);

  let closed: Promise<void> | undefined;
  return {
    url: urlOf(config.host, http.port),
    port: http.port,
    dataDir,
    isNew,
    log,
    close: () => {
      stopping = true;
      closed ??= closeAll(closing);
      return closed;
    },
  };
};
