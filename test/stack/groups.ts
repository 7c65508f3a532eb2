import { Kafka, logLevel } from 'kafkajs';

/** So many groups fall on every partition of the topic that keeps their offsets. */
const groups = 32;
const waitMsMax = 60_000;
const againMs = 200;

/**
 * Resolves when groups can be formed: a new broker makes the topic of their offsets when it is first asked for one, and
 * then loads it, while whoever joins is refused.
 */
export const groupsForm = async (broker: string): Promise<void> => {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry: { retries: 5 } });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const until = performance.now() + waitMsMax;
    for (let group = 0; group < groups; ) {
      try {
        await admin.fetchOffsets({ groupId: `ready-${group}` });
        group += 1;
      } catch (error) {
        if (performance.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, againMs));
      }
    }
  } finally {
    await admin.disconnect();
  }
};
