import type { Logger } from 'pino';
import { beyondLog } from '../beyond-log.ts';
import type { UnknownVersionError } from '../errors.ts';
import type { Broker, ConsumerGroup } from '../ports/broker.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventLog, Subscription } from '../ports/event-log.ts';
import { deadLettersOf } from './dead-letters.ts';
import { openDeliveryStore } from './delivery-store.ts';
import { type GroupWorker, groupWorker } from './group-worker.ts';
import { type Member, openHub } from './hub.ts';
import { deliveryJournal } from './journal.ts';
import type { Handling } from './working.ts';

/** How the embedded broker is opened. */
export type EmbeddedBrokerOptions = {
  readonly log: EventLog;
  /** The file of checkpoints, waiting messages and dead letters (`delivery.db`). */
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often a message that failed is tried again at once, before it is parked. */
  readonly quickRetries?: number;
  /** After which delays a parked message is tried again; after the last it is a dead letter. */
  readonly retryDelaysMs?: readonly number[];
  /** How many messages, handled or queued, one group holds in memory. */
  readonly inHandMax?: number;
  /** How many parked messages one group may have before it stops at its place. */
  readonly parkedMax?: number;
  /** How often checkpoints are written. What was handled since the last comes again after a crash. */
  readonly checkpointEveryMs?: number;
  /** How long `close` waits for handlers that run. */
  readonly shutdownMsMax?: number;
  /** Counts what happens to messages; called once for each, must be cheap. */
  readonly observe?: (group: string, handling: Handling) => void;
  /** A record or message of a version that this build does not know was met: its group has stopped for good. */
  readonly onFatal?: (error: UnknownVersionError) => void;
};

/** The broker of the embedded composition. */
export type EmbeddedBroker = Broker & {
  /** Why a group takes nothing more, for people; empty where all do. */
  problems(): readonly string[];
};

/**
 * The broker of the embedded composition: consumer groups that follow the log, each with its checkpoint on disk.
 * Nothing is copied: a message is a view of its record.
 *
 * Handlers that run when it closes are waited for; what was queued behind them comes again at the next start.
 * Rejects with `StartError` where the file cannot be opened, or speaks of records that the log does not have.
 */
export const openEmbeddedBroker = async (options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> => {
  const { log, path, clock, logger, checkpointEveryMs = 500 } = options;
  const head = await log.head();
  const store = openDeliveryStore(path);
  const beyond = store.beyond(head);
  if (beyond !== undefined) {
    store.close();
    const deletingIt = 'everything is delivered again, and what was done already is not done again';
    throw beyondLog({ path, head, deletingIt, ...beyond });
  }

  const journal = deliveryJournal(store);
  const written = store.checkpoints();
  const members = new Map<string, Member>();
  let closed = false;

  const onFatal = (error: UnknownVersionError) => {
    logger.fatal({ err: error }, 'met a version that this build does not know');
    options.onFatal?.(error);
  };

  const checkpoints = checkpointing();
  const hub = openHub(log, head, checkpoints.soon, (error) => {
    for (const member of members.values()) stop(member);
    onFatal(error);
  });

  /** Offers nothing more to a group, and begins no handler; what runs goes on. */
  const stop = (member: Member) => {
    hub.leave(member);
    member.worker.stop();
  };

  const leave = async (member: Member): Promise<void> => {
    stop(member);
    await member.worker.idle();
    await checkpoints.write();
    if (members.get(member.worker.group) === member) members.delete(member.worker.group);
  };

  return {
    consume: (consumer) => join(consumer),
    deadLetters: deadLettersOf(store, journal, {
      get: (group) => members.get(group)?.worker,
      all: () => [...members.values()].map(({ worker }) => worker),
    }),
    lag: async () => {
      const end = await log.head();
      return Object.fromEntries(
        [...members].map(([group, member]) => [group, Math.max(0, end - hub.doneTo(member))]),
      );
    },
    problems: () => [...members.values()].flatMap(({ worker }) => worker.problem() ?? []),
    close: async () => {
      if (closed) return;
      closed = true;
      await hub.close();
      for (const member of members.values()) stop(member);
      await Promise.all([...members.values()].map(({ worker }) => worker.idle()));
      await checkpoints.end();
      store.close();
    },
  };

  function join(consumer: ConsumerGroup): Subscription {
    const { group } = consumer;
    if (closed) throw new Error('the broker is closed');
    if (members.has(group)) throw new Error(`the group ${group} is consumed already`);
    const checkpoint = written.get(group) ?? 0;
    const { quickRetries = 3, retryDelaysMs = [1_000, 5_000, 20_000, 60_000] } = options;
    const { inHandMax = 1_024, parkedMax = 100_000, shutdownMsMax = 10_000 } = options;
    const worker: GroupWorker = groupWorker({
      consumer,
      checkpoint,
      store,
      journal,
      clock,
      logger,
      quickRetries,
      retryDelaysMs,
      inHandMax,
      parkedMax,
      shutdownMsMax,
      observe: options.observe ?? (() => {}),
      onFatal: (error) => {
        stop(member);
        onFatal(error);
      },
      onProgress: checkpoints.soon,
      hurry: () => void checkpoints.write(),
    });
    const member = hub.join(worker, checkpoint);
    members.set(group, member);
    return { close: () => leave(member) };
  }

  /** Writes checkpoints and parked messages of all groups, together and not too often. */
  function checkpointing() {
    let cancel: (() => void) | undefined;
    let writing: Promise<void> | undefined;
    let over = false;

    const writeNow = async () => {
      const moved = [...members.values()]
        .map((member) => ({ worker: member.worker, position: hub.doneTo(member) }))
        .filter(({ worker, position }) => position > (written.get(worker.group) ?? 0));
      const kept = await Promise.all(
        moved.map(async ({ worker, position }) => {
          try {
            await worker.beforeCheckpoint();
            return [[worker.group, position] as const];
          } catch (error) {
            logger.warn(
              { group: worker.group, err: error },
              'checkpoint stays: the group cannot make it durable',
            );
            soon();
            return [];
          }
        }),
      );
      try {
        journal.write(kept.flat());
        for (const [group, position] of kept.flat()) written.set(group, position);
      } catch (error) {
        logger.error({ path, err: error }, 'checkpoints and parked messages cannot be written; trying again');
        soon();
      }
    };

    /** One write at a time; who asks while one runs waits for the next. */
    const write = async (): Promise<void> => {
      while (writing !== undefined) await writing;
      if (over) return;
      cancel?.();
      cancel = undefined;
      writing = writeNow().finally(() => {
        writing = undefined;
      });
      await writing;
    };

    function soon(): void {
      if (!over)
        cancel ??= clock.after(checkpointEveryMs, () => {
          cancel = undefined;
          void write();
        });
    }

    return {
      soon,
      write,
      end: async () => {
        await write();
        over = true;
        cancel?.();
      },
    };
  }
};
