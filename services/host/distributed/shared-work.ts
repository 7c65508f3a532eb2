import { projections } from '@recourse/api/projections/all';
import { openPublisher } from '@recourse/infra/kafka/publisher';
import {
  openPostgresProjector,
  type PostgresProjector,
} from '@recourse/infra/postgres/projections/projector';
import { openRelay, type Relay } from '@recourse/infra/relay/relay';
import type { Closing } from '../parts.ts';
import type { Ground } from './ground.ts';

/** The role `relay`: publishes the shards of the log whose leases it gets. */
export const openRelayRole = (
  { config, reach, log, leases, postgres, clock, logger }: Ground,
  closing: Closing,
  onFatal: (error: Error) => void,
): Relay => {
  const publisher = openPublisher({ kafka: reach.kafka, prefix: config.kafkaTopicPrefix, clock, logger });
  closing.push(() => publisher.close());
  const relay = openRelay({
    log,
    leases,
    postgres,
    publisher,
    shards: config.relayShards,
    clock,
    logger,
    onFatal,
  });
  closing.push(() => relay.close());
  return relay;
};

/** The role `projector`: fills the read models whose leases it gets. */
export const openProjectorRole = (
  { log, leases, postgres, clock, logger }: Ground,
  closing: Closing,
): PostgresProjector => {
  const projector = openPostgresProjector({ postgres, log, projections, leases, clock, logger });
  closing.push(() => projector.close());
  return projector;
};
