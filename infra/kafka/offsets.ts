import type { Topic } from '@recourse/contracts/registry';
import type { Admin } from 'kafkajs';
import type { Logger } from 'pino';
import { UnavailableError } from '../errors.ts';
import { type Clock, within } from '../ports/clock.ts';
import { type KafkaSettings, kafkaClient } from './client.ts';

const answerMsMax = 5_000;
/**
 * A connection that has answered none of so many in a row is given up for a new one: a broker that is lost without a word
 * closes none, and the library would keep to it for minutes.
 */
const unansweredMax = 3;

/** How a group stands in one partition. */
export type Standing = {
  readonly topic: Topic;
  readonly partition: number;
  /** The offset that it goes on with; undefined before its first commit. */
  readonly committed: number | undefined;
  /** The first message that is still there, and the offset after the last one. */
  readonly low: number;
  readonly high: number;
};

type Connection = {
  readonly admin: Promise<Admin>;
  /** Until then the library tries one broker after the other by itself. */
  isUp: boolean;
  /** Asked for several things at once, the library makes connections that nobody closes: one after the other. */
  asking: Promise<unknown>;
  /** How many in a row were not answered in time. */
  unanswered: number;
};

/** Asks Kafka where things stand. Connects when it is first asked; everything rejects with `UnavailableError`. */
export const offsetReader = (settings: KafkaSettings, prefix: string, clock: Clock, logger: Logger) => {
  const kafka = kafkaClient(settings, logger);
  let current: Connection | undefined;
  let closed = false;

  const connect = (): Connection => {
    const admin = kafka.admin({ retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 } });
    const connected = async () => {
      await admin.connect();
      made.isUp = true;
      return admin;
    };
    const made: Connection = {
      admin: connected(),
      isUp: false,
      asking: Promise.resolve(),
      unanswered: 0,
    };
    return made;
  };
  /** Others may be asking by it still: for them the library would connect again, and nobody would close that. */
  const giveUp = async () => {
    const old = current;
    current = undefined;
    await old?.asking;
    await old?.admin.then((admin) => admin.disconnect()).catch(() => {});
  };
  const asked = async <T>(ask: (admin: Admin) => Promise<T>): Promise<T> => {
    if (closed) throw new UnavailableError('Kafka is asked nothing more');
    current ??= connect();
    const connection = current;
    let isLeft = false;
    const mine = connection.asking.then(async () => {
      const admin = await connection.admin;
      if (isLeft) return undefined;
      const is = await ask(admin);
      // However late: who answers is not lost.
      connection.unanswered = 0;
      return { is };
    });
    connection.asking = mine.catch(() => {});
    let answer: { readonly is: T } | undefined;
    try {
      answer = await within(clock, answerMsMax, mine);
    } catch (error) {
      if (connection === current) void giveUp();
      throw new UnavailableError(`Kafka: ${(error as Error).message}`, { cause: error });
    }
    if (answer !== undefined) return answer.is;
    // What is asked goes on, and finds an answer for who asks later; what has not begun is asked for nobody.
    isLeft = true;
    if (connection.isUp) connection.unanswered += 1;
    if (connection.unanswered >= unansweredMax && connection === current) void giveUp();
    throw new UnavailableError(`Kafka has not answered within ${answerMsMax} ms`);
  };

  return {
    /** How many partitions topics have. */
    partitions: (topics: readonly Topic[]): Promise<ReadonlyMap<Topic, number>> =>
      asked(async (admin) => {
        const { topics: found } = await admin.fetchTopicMetadata({ topics: topics.map((it) => prefix + it) });
        return new Map(
          found.map(({ name, partitions }) => [name.slice(prefix.length) as Topic, partitions.length]),
        );
      }),

    /** Where a group stands in every partition of its topics. */
    standing: (group: string, topics: readonly Topic[]): Promise<readonly Standing[]> =>
      asked(async (admin) => {
        const names = topics.map((topic) => prefix + topic);
        const committed = await admin.fetchOffsets({ groupId: prefix + group, topics: names });
        const ends: Awaited<ReturnType<typeof admin.fetchTopicOffsets>>[] = [];
        for (const name of names) ends.push(await admin.fetchTopicOffsets(name));
        const committedOf = new Map(
          committed.flatMap(({ topic, partitions }) =>
            partitions.map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)] as const),
          ),
        );
        return topics.flatMap((topic, index) =>
          ends[index]!.map(({ partition, low, high }) => {
            const offset = committedOf.get(`${names[index]}/${partition}`) ?? -1;
            return {
              topic,
              partition,
              committed: offset < 0 ? undefined : offset,
              low: Number(low),
              high: Number(high),
            };
          }),
        );
      }),

    /** Waits for what is being asked. */
    close: async (): Promise<void> => {
      closed = true;
      await giveUp();
    },
  };
};

/** Where things stand in Kafka. */
export type OffsetReader = ReturnType<typeof offsetReader>;
