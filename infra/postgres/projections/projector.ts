import type { Logger } from 'pino';
import type { Clock } from '../../ports/clock.ts';
import type { EventLog } from '../../ports/event-log.ts';
import type { Lease, Leases } from '../../ports/leases.ts';
import type { ProjectionStatus } from '../../ports/read-models.ts';
import { rateMeter } from '../../project/pace.ts';
import type { Projection } from '../../project/projection.ts';
import type { Postgres } from '../connect.ts';
import { openFeed } from './feed.ts';
import { type Growth, type Owned, takeUp } from './owned.ts';
import { rebuilding } from './rebuilding.ts';

/** The role that fills the read models in PostgreSQL. */
export type PostgresProjector = {
  /** Those whose leases are ours now, as they stand. */
  status(): readonly ProjectionStatus[];
  /** Why one of them does not go on, a sentence each. */
  problems(): readonly string[];
  /** Gives every lease back, once what is being written is written. */
  close(): Promise<void>;
};

/** What the projector is opened with. */
export type PostgresProjectorOptions = {
  readonly postgres: Postgres;
  readonly log: Pick<EventLog, 'head' | 'follow' | 'readAll' | 'readStream'>;
  readonly projections: readonly Projection[];
  readonly leases: Leases;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Whether orders come in is seen in so much of the past. */
const growthMs = 1_000;

/**
 * Fills read models, for ever: each projection by one process at a time, whose lease fences every transaction, so that
 * one that was paused writes nothing more. Rows and the place in the log are written together: who takes over goes on
 * from there, and counts nothing twice.
 */
export const openPostgresProjector = (options: PostgresProjectorOptions): PostgresProjector => {
  const { postgres, log, projections, leases, clock, logger } = options;
  const feed = openFeed({ log, clock, logger });
  const rate = rateMeter(clock, growthMs);
  const growth: Growth = { head: feed.head, perSecond: () => rate.perSecond(feed.head()) ?? 0 };
  const owned = new Map<string, Owned>();
  const byName = new Map(projections.map((it) => [it.name, it]));

  const begin = async (lease: Lease) => {
    const projection = byName.get(lease.piece)!;
    const { name } = projection;
    const it = await takeUp({ projection, lease, postgres, log, clock, logger, growth });
    owned.set(name, it);
    const serving = it.serving();
    if (serving !== undefined) feed.add(serving);
    logger.info({ ...it.status(), rebuild: undefined }, `projection ${name} is ours`);
    return {
      close: async () => {
        owned.delete(name);
        const last = it.serving();
        if (last !== undefined) await feed.remove(last);
        await rebuilds.idle();
        logger.info({ projection: name }, `projection ${name} is no longer ours`);
      },
    };
  };

  const rebuilds = rebuilding({
    postgres,
    log,
    clock,
    logger,
    growth,
    owned: () => [...owned.values()],
    served: async (before, now) => {
      if (before !== undefined) await feed.remove(before);
      // It may have been given up meanwhile.
      if ([...owned.values()].some((it) => it.serving() === now)) feed.add(now);
    },
  });
  const competing = leases.compete('projection', [...byName.keys()], begin);

  let closed: Promise<void> | undefined;
  const close = async () => {
    await rebuilds.close();
    await competing.close();
    await feed.close();
  };
  const status = () => [...owned.values()].map((it) => it.status());

  return {
    status,
    problems: () => status().flatMap(problemsOf),
    close: () => {
      closed ??= close();
      return closed;
    },
  };
};

const problemsOf = ({ name, state, error, rebuild }: ProjectionStatus): string[] => [
  ...(state === 'stopped'
    ? [`projection ${name} has stopped at ${error?.type} at ${error?.position}: ${error?.message}`]
    : []),
  ...(state === 'waiting' && error !== null
    ? [`projection ${name} cannot be written: ${error?.message}`]
    : []),
  ...(rebuild?.state === 'stopped'
    ? [`the rebuild of projection ${name} was given up: ${rebuild.error?.message}`]
    : []),
];
