import type { Logger } from 'pino';
import type { Handling } from '../broker/working.ts';
import type { Broker, ConsumerGroup } from '../ports/broker.ts';
import { type Clock, within } from '../ports/clock.ts';
import type { Subscription } from '../ports/event-log.ts';
import type { PoisonMessages } from '../ports/poison.ts';
import type { Postgres } from '../postgres/connect.ts';
import { postgresDeadLetters } from '../postgres/dead-letters.ts';
import { decisionChannel, groupDeliveries } from '../postgres/deliveries.ts';
import type { KafkaSettings } from './client.ts';
import { type JoinedGroup, joinGroup } from './group.ts';
import { offsetReader } from './offsets.ts';
import { poisonKeeping } from './poison.ts';

/** How the broker on Kafka is opened. */
export type KafkaBrokerOptions = {
  readonly kafka: KafkaSettings;
  /** Stands before the name of every topic and consumer group. */
  readonly prefix: string;
  /** Where waiting messages, dead letters and poison are kept. */
  readonly postgres: Postgres;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often a message that failed is tried again at once, before it is parked. */
  readonly quickRetries?: number;
  /** After which delays a parked message is tried again; after the last it is a dead letter. */
  readonly retryDelaysMs?: readonly number[];
  /** How many messages, handled or queued, one group holds in memory. */
  readonly inHandMax?: number;
  /** How many parked messages the partitions of one member may have before it stops at its place. */
  readonly parkedMax?: number;
  /** How often offsets are committed. What was handled since the last time comes again after a crash. */
  readonly checkpointEveryMs?: number;
  /** How long `close` takes at the most, for handlers that run and for leaving the groups. */
  readonly shutdownMsMax?: number;
  /** Counts what happens to messages; called once for each, must be cheap. */
  readonly observe?: (group: string, handling: Handling) => void;
  /** A group cannot go on in this process, for good: it is leaving, and the process should end. */
  readonly onFatal?: (error: Error) => void;
};

/** The broker on Kafka. */
export type KafkaBroker = Broker & {
  /** Messages that nobody can read. */
  readonly poison: PoisonMessages;
  /** Why it is not ready now; empty where it is. */
  problems(): readonly string[];
};

const lagMsMax = 1_000;
const closeMsMax = 1_000;
/** Decisions on dead letters are heard at once; where a notice was lost, so much later. */
const lookEveryMs = 1_000;

/**
 * The broker on Kafka. Consumer groups are Kafka's, each with this process as one member, or one of several; waiting
 * messages and dead letters are in PostgreSQL, where any process sees and decides on them. Nothing is connected before
 * the first group is joined or asked about, so it never fails; what cannot be reached is waited for.
 */
export const openKafkaBroker = async (options: KafkaBrokerOptions): Promise<KafkaBroker> => {
  const { kafka, prefix, postgres, clock, logger, shutdownMsMax = 10_000 } = options;
  const offsets = offsetReader(kafka, prefix, clock, logger);
  const poison = poisonKeeping({ kafka, prefix, postgres, clock, logger });
  const groups = new Map<string, JoinedGroup>();
  let hearing: Subscription | undefined;
  let closed = false;

  const join = (consumer: ConsumerGroup): Subscription => {
    const { group } = consumer;
    if (closed) throw new Error('the broker is closed');
    if (groups.has(group)) throw new Error(`the group ${group} is consumed already`);
    hearing ??= hearDecisions();
    const joined = joinGroup({
      consumer,
      kafka,
      prefix,
      deliveries: groupDeliveries(postgres, group),
      offsets,
      poison,
      clock,
      logger,
      quickRetries: options.quickRetries ?? 3,
      retryDelaysMs: options.retryDelaysMs ?? [1_000, 5_000, 20_000, 60_000],
      inHandMax: options.inHandMax ?? 1_024,
      parkedMax: options.parkedMax ?? 100_000,
      checkpointEveryMs: options.checkpointEveryMs ?? 500,
      shutdownMsMax,
      observe: options.observe ?? (() => {}),
      onFatal: (error) => {
        logger.fatal({ group, err: error }, 'a group cannot go on');
        options.onFatal?.(error);
      },
    });
    groups.set(group, joined);
    return {
      close: async () => {
        await joined.leave();
        if (groups.get(group) === joined) groups.delete(group);
      },
    };
  };

  /** Hears what people decide on dead letters, and looks for it besides. */
  const hearDecisions = (): Subscription => {
    const look = (joined: JoinedGroup) => {
      joined
        .hearDecisions()
        .catch((error: unknown) =>
          logger.debug({ group: joined.group, err: error }, 'decisions cannot be read'),
        );
    };
    const notices = postgres.listen(decisionChannel(postgres), (group) => {
      for (const joined of groups.values()) if (group === undefined || joined.group === group) look(joined);
    });
    let cancel = () => {};
    const again = () => {
      cancel = clock.after(lookEveryMs, () => {
        for (const joined of groups.values()) if (joined.hasDead()) look(joined);
        again();
      });
    };
    again();
    return {
      close: () => {
        cancel();
        return notices.close();
      },
    };
  };

  return {
    consume: join,
    deadLetters: postgresDeadLetters(postgres, clock),
    poison: poison.port,
    lag: remembered(clock, async () => {
      const lags = [...groups.values()].map(async ({ group, topics }) => {
        const standings = await offsets.standing(group, topics);
        const behind = standings.map(({ high, low, committed = low }) => high - Math.max(committed, low));
        return [group, behind.reduce((sum, it) => sum + Math.max(0, it), 0)] as const;
      });
      return Object.fromEntries(await Promise.all(lags));
    }),
    problems: () => [...groups.values()].flatMap((joined) => joined.problem() ?? []),
    close: async () => {
      if (closed) return;
      closed = true;
      await Promise.all([...groups.values()].map((joined) => joined.leave()));
      // What was never connected is not waited for.
      await within(clock, closeMsMax, Promise.all([hearing?.close(), offsets.close(), poison.close()]));
    },
  };
};

/** Asks at most once in a while, and once for all who ask meanwhile. */
const remembered = <T>(clock: Clock, ask: () => Promise<T>): (() => Promise<T>) => {
  let last: { readonly answer: Promise<T>; readonly askedAt: number } | undefined;
  return () => {
    if (last !== undefined && clock.monotonic() - last.askedAt < lagMsMax) return last.answer;
    const answer = ask();
    last = { answer, askedAt: clock.monotonic() };
    answer.catch(() => {
      last = undefined;
    });
    return answer;
  };
};
