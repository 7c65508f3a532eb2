import { kafkaClient } from '@recourse/infra/kafka/client';
import { topicNames } from '@recourse/infra/kafka/topics';
import { systemClock } from '@recourse/infra/system';
import { shopFlags } from '../../../../test/shop.ts';
import { freshDatabase, freshPrefix, silent, stack } from '../../../../test/stack/kit.ts';
import { type Config, type Flags, readConfig } from '../../config.ts';
import { type MoveOptions, type MoveReport, moveInstallation } from '../move.ts';

/** A target that nobody has used: a database and a prefix of topics of its own. */
export const freshTarget = async (flags: Flags = {}) => {
  const database = await freshDatabase();
  const prefix = freshPrefix();
  const environment = {
    KAFKA_BROKERS: stack.kafkaBrokers.join(','),
    KAFKA_TOPIC_PREFIX: prefix,
    KAFKA_PARTITIONS: '2',
    KAFKA_REPLICATION_FACTOR: '1',
    DEVELOPMENT: 'true',
    LOG_LEVEL: 'silent',
    RELAY_SHARDS: '3',
    POSTGRES_URL: database.settings.url,
  };
  const config: Config = readConfig({ ...shopFlags, ...flags }, environment);
  const move = (dataDir: string, options: Partial<MoveOptions> = {}): Promise<MoveReport> =>
    moveInstallation({
      dataDir,
      to: config.eventstoreUrl === undefined ? 'postgres' : 'eventstore',
      config,
      copy: false,
      clock: systemClock,
      logger: silent,
      ...options,
    });
  const drop = async () => {
    const admin = kafkaClient({ brokers: stack.kafkaBrokers, clientId: 'test' }, silent).admin();
    await admin.connect();
    const there = new Set(await admin.listTopics());
    await admin.deleteTopics({ topics: topicNames(prefix).filter((name) => there.has(name)) });
    await admin.disconnect();
    await database.drop();
  };
  return { config, environment, prefix, postgres: database.postgres, move, drop };
};

/** A target, as `freshTarget` makes it. */
export type Target = Awaited<ReturnType<typeof freshTarget>>;
