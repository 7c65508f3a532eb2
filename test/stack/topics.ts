import { kafkaClient } from '@recourse/infra/kafka/client';
import { silent, stack } from './kit.ts';

/** The topics of the stack whose names begin so. */
export const topicsOf = (prefix: string): Promise<readonly string[]> =>
  onAdmin(prefix, async (_, names) => names);

/** Removes them. */
export const dropTopics = (prefix: string): Promise<void> =>
  onAdmin(prefix, async (admin, topics) => {
    if (topics.length > 0) await admin.deleteTopics({ topics });
  });

type Admin = ReturnType<ReturnType<typeof kafkaClient>['admin']>;

const onAdmin = async <T>(prefix: string, use: (admin: Admin, names: string[]) => Promise<T>): Promise<T> => {
  const admin = kafkaClient({ brokers: stack.kafkaBrokers, clientId: 'test' }, silent).admin();
  await admin.connect();
  try {
    return await use(
      admin,
      (await admin.listTopics()).filter((name) => name.startsWith(prefix)),
    );
  } finally {
    await admin.disconnect();
  }
};
