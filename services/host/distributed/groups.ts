import { partitionOf } from '@recourse/infra/kafka/partition';
import type { ConsumerGroup } from '@recourse/infra/ports/broker';
import { openPostgresTimerStore } from '@recourse/infra/postgres/timer-store';
import { ingestService } from '@recourse/ingest/service';
import { openPostgresGateway } from '@recourse/payment/simulated-gateway';
import { orchestrator } from '@recourse/sagas/orchestrator';
import { timersService } from '@recourse/sagas/timers';
import { openPostgresCarrier } from '@recourse/shipping/simulated-carrier';
import { type Closing, newOrdersOf, participantsOf } from '../parts.ts';
import type { Ground } from './ground.ts';
import type { DistributedOverrides } from './overrides.ts';

/** The participants over the installation's log; provider and carrier are simulated, with books in PostgreSQL. */
export const openParticipants = (
  { config, log, postgres, clock, logger }: Ground,
  overrides: DistributedOverrides,
  closing: Closing,
): ReturnType<typeof participantsOf> => {
  const { gatewayLatencyMs, carrierLatencyMs, slowMs, carrierCountries: servedCountries } = config;
  const gateway = openPostgresGateway({ postgres, clock, latencyMs: gatewayLatencyMs, slowMs });
  closing.push(() => gateway.close());
  const carrier = openPostgresCarrier({
    postgres,
    clock,
    latencyMs: carrierLatencyMs,
    slowMs,
    servedCountries,
  });
  closing.push(() => carrier.close());
  return participantsOf({
    config,
    log,
    gateway: overrides.wrapGateway?.(gateway) ?? gateway,
    carrier: overrides.wrapCarrier?.(carrier) ?? carrier,
    clock,
    logger,
  });
};

/** The consumer groups of this process's roles; of a participant that is somebody else's program there is none. */
export const openGroups = (
  ground: Ground,
  participants: ReturnType<typeof participantsOf>,
  closing: Closing,
): readonly ConsumerGroup[] => {
  const { config, log, postgres, clock, logger } = ground;
  const { role: roles, foreign, kafkaPartitions } = config;
  const groups: ConsumerGroup[] = [];
  if (roles.has('orchestrator'))
    groups.push(
      orchestrator({
        log,
        times: { askDelaysMs: config.askDelaysMs, deadlineMs: config.orderDeadlineMs },
        newOrders: newOrdersOf(config),
        foreign,
      }).group,
    );
  if (roles.has('timers')) {
    const store = openPostgresTimerStore({ postgres, partitionOf: (id) => partitionOf(id, kafkaPartitions) });
    closing.push(() => store.close());
    const timers = timersService({ log, clock, store, logger });
    closing.push(() => timers.close());
    groups.push(timers.group);
  }
  if (roles.has('order')) groups.push(participants.orders.group);
  if (roles.has('inventory')) groups.push(participants.inventory.group);
  for (const name of ['payment', 'shipping'] as const)
    if (roles.has(name) && !foreign.has(name)) groups.push(participants[name].group);
  if (roles.has('ingest')) groups.push(...ingestService({ log, foreign, logger }).groups);
  return groups;
};
