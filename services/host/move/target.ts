import { topics as allTopics } from '@recourse/contracts/registry';
import { StartError } from '@recourse/infra/errors';
import { lookAtTopics } from '@recourse/infra/kafka/topics';
import type { Clock } from '@recourse/infra/ports/clock';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { type Ground, openGround } from '../distributed/ground.ts';
import { openGroups, openParticipants } from '../distributed/groups.ts';
import { reachOf } from '../distributed/needs.ts';
import { reached } from '../distributed/wait.ts';
import type { Closing } from '../parts.ts';
import { roles } from '../settings.ts';
import type { TargetLog } from './copy.ts';
import { type MovedNote, movedNote } from './moved.ts';
import { refuseMessages, refuseRunning } from './unused.ts';

/** Where to, and how it is reached. */
export type TargetOptions = {
  readonly to: MovedNote['to'];
  /** The settings of the target. */
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What a test puts in the place of the target's log. */
  wrapLog?(log: TargetLog): TargetLog;
};

/** Where the target is, for people; nothing secret. Throws `StartError` `invalid-setting` where settings do not fit. */
export const targetAt = ({ to, config }: Pick<TargetOptions, 'to' | 'config'>): string => {
  const { eventstoreUrl, postgresUrl, postgresSchema, kafkaTopicPrefix } = config;
  const { kafkaAt, postgresAt } = reachOf(config);
  if (to === 'postgres' && eventstoreUrl !== undefined)
    throw new StartError(
      'invalid-setting',
      '--to is postgres, and EVENTSTORE_URL is set: an installation with that setting keeps its log in EventStoreDB. Unset it, or move --to eventstore.',
    );
  if (to === 'eventstore' && eventstoreUrl === undefined)
    throw new StartError(
      'invalid-setting',
      '--to is eventstore, and EVENTSTORE_URL (--eventstore-url) is not set.',
    );
  const database = new URL(postgresUrl!).pathname.slice(1);
  const parts = [
    `PostgreSQL at ${postgresAt}, database ${database}, schema ${postgresSchema}`,
    `Kafka at ${kafkaAt}${kafkaTopicPrefix === '' ? '' : `, topics ${kafkaTopicPrefix}*`}`,
  ];
  if (eventstoreUrl !== undefined) parts.unshift(`EventStoreDB at ${new URL(eventstoreUrl).host}`);
  return parts.join('; ');
};

/** A folder that was moved may be moved again to where it was, and be copied anywhere. Throws the `StartError` `moved`. */
export const refuseMovedElsewhere = (
  dataDir: string,
  at: string,
  { copy }: { readonly copy: boolean },
): void => {
  const note = movedNote(dataDir);
  if (note === undefined || copy || note.at === at) return;
  throw new StartError(
    'moved',
    `${dataDir} was moved on ${note.movedAt} to ${note.at}: it is not moved to another place besides. To try another one, say --copy.`,
  );
};

/** Who would read the answers of other people's programs. */
const ingest = { group: 'ingest', topics: allTopics.filter((topic) => topic.endsWith('.replies')) };

/** Reaches everything, makes the topics that are missing, and refuses what is not new, or would lose data. */
export const openTarget = async (options: TargetOptions, closing: Closing) => {
  const { clock, logger } = options;
  // Whatever this process would do itself: the groups are those of the whole installation.
  const config: Config = { ...options.config, role: new Set(roles) };
  const reach = reachOf(config);
  const metrics = createMetrics();
  closing.push(metrics.close);
  const { startWaitMsMax: waitMsMax } = config;
  const kafka = { what: `Kafka at ${reach.kafkaAt}`, variable: 'KAFKA_BROKERS', waitMsMax, clock, logger };
  const { topics } = await reached(kafka, () =>
    lookAtTopics({
      kafka: reach.kafka,
      prefix: config.kafkaTopicPrefix,
      partitions: config.kafkaPartitions,
      replicationFactor: config.kafkaReplicationFactor,
      create: true,
      logger,
    }),
  );
  const { signal } = new AbortController();
  const ground = await openGround({ config, clock, logger, metrics, closing, signal, onFatal: () => {} });
  const groups = groupsOf(ground, closing);
  await refuseRunning(ground);
  const old = new Set(topics.filter(({ created }) => !created).map(({ name }) => name));
  await reached(kafka, () => refuseMessages(ground, old, [...groups, ingest]));
  const copying: TargetLog = { ...ground.log, importRecords: ground.importRecords };
  return { postgres: ground.postgres, target: options.wrapLog?.(copying) ?? copying, groups };
};

/** The groups of a folder: there every participant is ours. None of them begins anything here. */
const groupsOf = (ground: Ground, closing: Closing) => {
  const folders = { ...ground, config: { ...ground.config, foreign: new Set<never>() } };
  return openGroups(folders, openParticipants(folders, {}, closing), closing);
};

/** Whether a group is one of the installation: somebody else's program takes its commands from Kafka by itself. */
export const ours = ({ foreign }: Config) => {
  const gone: ReadonlySet<string> = foreign;
  return ({ group }: { readonly group: string }): boolean => !gone.has(group);
};
