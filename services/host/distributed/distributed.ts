import { createProcessApp } from '@recourse/api/process-app';
import { openKafkaBroker } from '@recourse/infra/kafka/broker';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import type { Config } from '../config.ts';
import { listen, urlOf } from '../listen.ts';
import { type Closing, closeAll, composed, together } from '../parts.ts';
import { openApiRole } from './api-role.ts';
import { openGround } from './ground.ts';
import { openGroups, openParticipants } from './groups.ts';
import { checkMachinesHere } from './machines.ts';
import type { DistributedOverrides, ProcessState } from './overrides.ts';
import { openProjectorRole, openRelayRole } from './shared-work.ts';

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
  if (roles.has('orchestrator'))
    await checkMachinesHere({ ...ground, waitMsMax: config.startWaitMsMax, signal });
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
