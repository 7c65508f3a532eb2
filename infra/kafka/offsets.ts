import type { Topic } from '@recourse/contracts/registry';
import type { Logger } from 'pino';
import { UnavailableError } from '../errors.ts';
import { type Clock, within } from '../ports/clock.ts';
import { type KafkaSettings, kafkaClient } from './client.ts';

const answerMsMax = 5_000;

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

/** Asks Kafka where things stand. Connects when it is first asked; everything rejects with `UnavailableError`. */
export const offsetReader = (settings: KafkaSettings, prefix: string, clock: Clock, logger: Logger) => {
  const kafka = kafkaClient(settings, logger);
  let connecting: Promise<ReturnType<typeof kafka.admin>> | undefined;
  /** Asked for several things at once, the library makes connections that nobody closes: one after the other. */
  let asking: Promise<unknown> = Promise.resolve();
  let closed = false;

  const connect = async () => {
    const admin = kafka.admin({ retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 } });
    await admin.connect();
    return admin;
  };
  /** Others may be asking by it still: for them the library would connect again, and nobody would close that. */
  const giveUp = async () => {
    const [connection, asked] = [connecting, asking];
    connecting = undefined;
    asking = Promise.resolve();
    await asked;
    await connection?.then((admin) => admin.disconnect()).catch(() => {});
  };
  const asked = async <T>(ask: (admin: ReturnType<typeof kafka.admin>) => Promise<T>): Promise<T> => {
    if (closed) throw new UnavailableError('Kafka is asked nothing more');
    connecting ??= connect();
    const [connection, before] = [connecting, asking];
    const mine = before.then(async () => ({ is: await ask(await connection) }));
    asking = mine.catch(() => {});
    let answer: { readonly is: T } | undefined;
    try {
      answer = await within(clock, answerMsMax, mine);
    } catch (error) {
      if (connection === connecting) void giveUp();
      throw new UnavailableError(`Kafka: ${(error as Error).message}`, { cause: error });
    }
    // The library goes on trying: who asks later finds it connected.
    if (answer === undefined) throw new UnavailableError(`Kafka has not answered within ${answerMsMax} ms`);
    return answer.is;
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
