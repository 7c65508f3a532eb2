import type { Logger } from 'pino';
import { type Clock, sleep } from '../ports/clock.ts';
import { type KafkaSettings, kafkaClient } from './client.ts';
import { describeKafkaError } from './kafka-errors.ts';

/** How often the client library tries again for who waits for Kafka by itself, and says so. */
export const briefRetry = { initialRetryTime: 100, maxRetryTime: 500, retries: 3 };

const retryMs = 1_000;

type Asking = {
  readonly kafka: KafkaSettings;
  readonly topics: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gives it up. */
  readonly signal: AbortSignal;
  /** Called once, when all are known: how many partitions each topic has. */
  readonly onLearned: (partitions: ReadonlyMap<string, number>) => void;
};

/** Asks how many partitions these topics have, until it is known of all. `problem` says why it is not yet. */
export const learnPartitions = ({ kafka, topics, clock, logger, signal, onLearned }: Asking) => {
  const client = kafkaClient(kafka, logger, briefRetry);
  let problem: string | undefined = 'Kafka has not been asked for its topics yet';

  const ask = async (): Promise<ReadonlyMap<string, number> | undefined> => {
    const admin = client.admin({ retry: briefRetry });
    try {
      await admin.connect();
      const there = new Set(await admin.listTopics());
      const missing = topics.filter((topic) => !there.has(topic));
      if (missing.length > 0)
        throw new Error(
          `it has no ${missing.join(', ')}, or does not show it to us: run \`recourse topics\``,
        );
      const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] });
      const bare = found.find(({ partitions }) => partitions.length === 0);
      if (bare !== undefined) throw new Error(`it says that ${bare.name} has no partitions`);
      return new Map(found.map(({ name, partitions }) => [name, partitions.length]));
    } catch (error) {
      const words = `Kafka does not tell us of our topics: ${describeKafkaError(error)}`;
      if (problem !== words) logger.error({ err: error }, words);
      problem = words;
      return undefined;
    } finally {
      void admin.disconnect().catch(() => {});
    }
  };

  const learn = async () => {
    while (!signal.aborted) {
      const partitions = await ask();
      if (partitions !== undefined) {
        problem = undefined;
        return onLearned(partitions);
      }
      await sleep(clock, retryMs, signal);
    }
  };
  void learn();

  return { problem: () => problem };
};
