import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KafkaSettings } from '@recourse/infra/kafka/client';
import { kafkaClient } from '@recourse/infra/kafka/client';
import { sleep } from '@recourse/infra/ports/clock';
import { systemClock } from '@recourse/infra/system';
import type { Conformance } from '../../services/host/conform/conform.ts';
import { endsOf, openTalk, type Talk } from '../../services/host/conform/talk.ts';
import { freshPrefix, silent, stack } from '../stack/kit.ts';
import { type Running, shippingExample, startPython } from './python.ts';

/** A participant in Python on topics of its own, and somebody who speaks with it. */
export type Room = {
  readonly prefix: string;
  readonly kafka: KafkaSettings;
  /** Starts the example, or the one that breaks a promise: `fault` says which. Its books stay over restarts. */
  start(fault?: string): Promise<Running>;
  /** Stops what runs, removes the topics and the books. */
  dispose(): Promise<void>;
};

const briefRetry = { initialRetryTime: 100, maxRetryTime: 500, retries: 5 };

const wrong = fileURLToPath(new URL('wrong_shipping.py', import.meta.url));

/** Makes the two topics of a prefix of its own. */
export const openRoom = async (): Promise<Room> => {
  const prefix = freshPrefix();
  const folder = mkdtempSync(join(tmpdir(), 'recourse-foreign-'));
  const kafka = { brokers: stack.kafkaBrokers, clientId: 'test' };
  const topics = [`${prefix}shipping.commands`, `${prefix}shipping.replies`];
  const admin = kafkaClient(kafka, silent, briefRetry).admin({ retry: briefRetry });
  await admin.connect();
  await admin.createTopics({
    topics: topics.map((topic) => ({ topic, numPartitions: 3 })),
    waitForLeaders: false,
  });
  for (const topic of topics) await endsOf(admin, topic, systemClock);
  const running: Running[] = [];
  return {
    prefix,
    kafka,
    start: async (fault) => {
      const environment = {
        KAFKA_BROKERS: kafka.brokers.join(','),
        KAFKA_TOPIC_PREFIX: prefix,
        BOOKS: join(folder, 'books.db'),
        ...(fault !== undefined && { FAULT: fault }),
      };
      const started = await startPython(fault === undefined ? shippingExample : wrong, environment);
      running.push(started);
      return started;
    },
    dispose: async () => {
      for (const it of running) await it.stop('SIGKILL');
      rmSync(folder, { recursive: true });
      // Nobody waits for what may take long, and harms nobody if it is not done.
      const cleared = admin.deleteTopics({ topics }).catch(() => {});
      await Promise.race([cleared, sleep(systemClock, 2_000)]);
      void admin.disconnect();
    },
  };
};

/** Speaks with what runs in a room. */
export const talkIn = ({ kafka, prefix }: Room, answerMsMax = 15_000): Promise<Talk> =>
  openTalk({
    kafka,
    prefix,
    participant: 'shipping',
    partitions: 3,
    replicationFactor: 1,
    answerMsMax,
    unique: randomUUID(),
    clock: systemClock,
    logger: silent,
  });

/** The promises that were broken, each once. */
export const brokenIn = ({ checks }: Conformance): string[] => [
  ...new Set(checks.filter(({ kept }) => !kept).map(({ promise }) => promise)),
];
