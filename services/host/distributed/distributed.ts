import { createProcessApp } from '@recourse/api/process-app';
import { projections } from '@recourse/api/projections/all';
import { openKafkaBroker } from '@recourse/infra/kafka/broker';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { openStoredProjections } from '@recourse/infra/postgres/projections/stored';
import { systemClock } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import type { Config } from '../config.ts';
import { listen, urlOf } from '../listen.ts';
import { buildName } from '../machines/build.ts';
import { checkMachines } from '../machines/check.ts';
import { type Closing, closeAll, composed, together } from '../parts.ts';
import { openApiRole } from './api-role.ts';
import { type Ground, openGround } from './ground.ts';
import { openGroups, openParticipants } from './groups.ts';
import { keptBuild, postgresCharts } from './kept-charts.ts';
import { openInLog } from './open-sagas.ts';
import type { DistributedOverrides, ProcessState } from './overrides.ts';
import { openProjectorRole, openRelayRole } from './shared-work.ts';
import { reached } from './wait.ts';

/** A process of a distributed installation that runs. */
export type DistributedProcess = {
  readonly url: string;
  readonly port: number;
  /** The log, for tests and tools in the same process. */
  readonly log: EventLog;
  /** Takes no new work, ends what is in hand, leaves its groups, gives its leases back, closes everything. */
  close(): Promise<void>;
};

/**
 * The distributed composition: of the same services, those that the roles name, over Kafka, PostgreSQL and, where it is
 * set, EventStoreDB. Rejects with `StartError` where it cannot start; whatever was open is closed again.
 */
export const startDistributed = (
  config: Config,
  overrides: DistributedOverrides = {},
): Promise<DistributedProcess> => composed((closing) => compose(config, overrides, closing));

const compose = async (
  config: Config,
  overrides: DistributedOverrides,
  closing: Closing,
): Promise<DistributedProcess> => {
  const { clock = systemClock } = overrides;
  const { role: roles } = config;
  const logger = createLogger({ level: config.logLevel, pretty: config.logFormat });
  const metrics = createMetrics();
  closing.push(metrics.close);
  let fatal: Error | undefined;
  let stopping = false;
  const onFatal = (error: Error) => {
    if (fatal !== undefined) return;
    fatal = error;
    logger.fatal({ err: error }, 'this process cannot go on');
    overrides.onFatal?.(error);
  };

  const http = await listen(config, clock);
  closing.push(http.close);
  const signal = overrides.signal ?? new AbortController().signal;
  const opened = await openGround({ config, clock, logger, metrics, closing, signal, onFatal });
  const ground = { ...opened, log: overrides.wrapLog?.(opened.log) ?? opened.log };
  const { reach, postgres } = ground;

  const broker = await openKafkaBroker({
    kafka: reach.kafka,
    prefix: config.kafkaTopicPrefix,
    postgres,
    clock,
    logger,
    retryDelaysMs: config.retryDelaysMs,
    shutdownMsMax: Math.floor(config.shutdownMsMax / 2),
    observe: metrics.countMessage,
    onFatal,
  });
  closing.push(() => broker.close());
  if (roles.has('orchestrator')) await checkMachinesOf(ground, signal);
  const participants = openParticipants(ground, overrides, closing);
  const groups = openGroups(ground, participants, closing);
  const relay = roles.has('relay') ? openRelayRole(ground, closing, onFatal) : undefined;
  const projector = roles.has('projector') ? openProjectorRole(ground, closing) : undefined;

  const problems = () => [
    ...(fatal === undefined ? [] : [fatal.message]),
    ...ground.problems(),
    ...broker.problems(),
    ...(relay?.problems() ?? []),
    ...(projector?.problems() ?? []),
  ];
  const process: ProcessState = { ready: problems, stopping: () => stopping, metrics, logger };
  const opening = { broker, participants, process, closing };
  const api = roles.has('api') ? await openApiRole(ground, opening) : undefined;
  metrics.readFrom({
    ...(relay && { relayLag: relay.lag }),
    held: () => ({
      ...(relay && { relay: relay.held().length }),
      ...(projector && { projection: projector.status().length }),
    }),
  });
  for (const group of groups) broker.consume(group);
  http.answerBy(api?.api ?? createProcessApp(process));

  // Who waits is answered before the connections are closed; the groups begin nothing more meanwhile.
  closing.push(together([http.close, broker.close]));
  closing.push(() => api?.live.close());
  let closed: Promise<void> | undefined;
  return {
    url: urlOf(config.host, http.port),
    port: http.port,
    log: ground.log,
    close: () => {
      stopping = true;
      closed ??= closeAll(closing);
      return closed;
    },
  };
};

/**
 * Refuses the start where open sagas are on a machine that is another one now. What the same build has been found to fit it
 * still fits, and what began since began on it, or on a build that was looked at after it: then its name has been kept
 * instead. So a process that is started again, while many orders are open, need not read all of them first.
 */
const checkMachinesOf = async (ground: Ground, signal: AbortSignal): Promise<void> => {
  const { config, postgres, log, clock, logger } = ground;
  const build = buildName();
  const kept = keptBuild(postgres);
  const waiting = {
    what: 'the event log',
    variable: 'POSTGRES_URL or EVENTSTORE_URL',
    clock,
    logger,
    signal,
  };
  await reached({ ...waiting, waitMsMax: config.startWaitMsMax }, async () => {
    if ((await kept.read()) === build) return;
    const stored = openStoredProjections({ postgres, projections, log, clock });
    try {
      const open = () => openInLog(log, stored);
      const sawAll = await checkMachines({ charts: postgresCharts(postgres), open, log, logger });
      if (sawAll) await kept.keep(build);
    } finally {
      await stored.close();
    }
  });
};
