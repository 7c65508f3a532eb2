import type { Logger } from 'pino';
import { type KafkaSettings, kafkaClient, retrySettings } from '../client.ts';

/** A message as it lies in a topic. */
export type Lying = {
  /** Without the prefix. */
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly id: string;
  readonly type: string;
  /** Its record's place in the log. */
  readonly position: number;
};

/** Reads all that lies in topics now, in the order of each partition. */
export const readTopics = async (
  kafka: KafkaSettings,
  prefix: string,
  topics: readonly string[],
  logger: Logger,
): Promise<readonly Lying[]> => {
  const client = kafkaClient(kafka, logger);
  const admin = client.admin();
  await admin.connect();
  let expected = 0;
  for (const topic of topics) {
    for (const { low, high } of await admin.fetchTopicOffsets(prefix + topic))
      expected += Number(high) - Number(low);
  }
  const lying: Lying[] = [];
  if (expected > 0) {
    const groupId = `${prefix}reader-${process.hrtime.bigint()}`;
    const consumer = client.consumer({ groupId, maxWaitTimeInMs: 50, retry: retrySettings });
    await consumer.connect();
    await consumer.subscribe({ topics: topics.map((topic) => prefix + topic), fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const running = consumer.run({
        eachMessage: async ({ topic, partition, message }) => {
          const header = (name: string) => message.headers?.[name]?.toString() ?? '';
          lying.push({
            topic: topic.slice(prefix.length),
            partition,
            key: message.key?.toString() ?? '',
            id: header('ce_id'),
            type: header('ce_type'),
            position: Number(header('ce_position')),
          });
          if (lying.length === expected) resolve();
        },
      });
      running.catch(reject);
    });
    await consumer.disconnect();
    await admin.deleteGroups([groupId]);
  }
  await admin.disconnect();
  return lying;
};

/** What lies in topics, by topic and key, each without what came again. */
export const firstsByKey = (lying: readonly Lying[]): ReadonlyMap<string, readonly Lying[]> => {
  const firsts = new Map<string, Lying[]>();
  const seen = new Set<string>();
  for (const it of lying) {
    if (seen.has(it.id)) continue;
    seen.add(it.id);
    const of = `${it.topic} ${it.key}`;
    firsts.set(of, [...(firsts.get(of) ?? []), it]);
  }
  return firsts;
};
