/** How a topic stands: what Kafka says of it. */
export type TopicNow = {
  readonly name: string;
  readonly partitions: number;
  /** The fewest copies that any of its partitions has. */
  readonly replicationFactor: number;
  /** Its settings in force, the brokers' defaults included. */
  readonly settings: ReadonlyMap<string, string>;
};

/** How topics have to be. */
export type TopicsWanted = { readonly partitions: number; readonly replicationFactor: number };

/** What is wrong with a topic. */
export type TopicFinding = {
  readonly topic: string;
  /** The setting of Kafka that it is about, or what it has of something. */
  readonly about: string;
  /** `refused`: nothing works so; `loss`: it works, and could lose what was acknowledged: only for development. */
  readonly severity: 'refused' | 'loss';
  /** What is so, and what to do: a sentence or two. */
  readonly words: string;
};

const dayMs = 86_400_000;
const retentionDays = 30;
const retentionMsMin = retentionDays * dayMs;
/** The largest message is far below that; sends are cut to what a topic takes. */
const messageBytesMin = 1_000_000;
const messageBytesMade = 2_097_152;

/** The settings that topics are made with. */
export const topicSettings = (replicationFactor: number): Readonly<Record<string, string>> => ({
  'cleanup.policy': 'delete',
  'retention.ms': String(retentionMsMin),
  'retention.bytes': '-1',
  'min.insync.replicas': String(Math.max(1, replicationFactor - 1)),
  'unclean.leader.election.enable': 'false',
  // The brokers' clock: how long a message is kept does not hang on the clock of who sent it.
  'message.timestamp.type': 'LogAppendTime',
  'max.message.bytes': String(messageBytesMade),
});

/** The settings that are looked at. */
export const settingsLookedAt: readonly string[] = Object.keys(topicSettings(1));

/** A topic that is not there. */
export const missingTopic = (topic: string): TopicFinding => ({
  topic,
  about: 'topic',
  severity: 'refused',
  words: 'It is not there, or not shown to us. Run `recourse topics`.',
});

/** All that is wrong with a topic that is there. */
export const findingsOf = (now: TopicNow, wanted: TopicsWanted): readonly TopicFinding[] =>
  rules.flatMap((rule) => rule(now, wanted)).map((finding) => ({ topic: now.name, ...finding }));

type Rule = (now: TopicNow, wanted: TopicsWanted) => readonly Omit<TopicFinding, 'topic'>[];

const setTo = (setting: string, value: string) => `Set it with kafka-configs: ${setting}=${value}.`;

const partitions: Rule = ({ partitions: has }, { partitions: wants }) => {
  if (has === wants) return [];
  const words =
    `It has ${has} partitions, and KAFKA_PARTITIONS is ${wants}. With another number, orders move to other partitions ` +
    'and their messages lose their order, so it is never changed: ' +
    `set KAFKA_PARTITIONS=${has}, or begin anew under another KAFKA_TOPIC_PREFIX and another POSTGRES_SCHEMA (docs/deploy.md).`;
  return [{ about: 'partitions', severity: 'refused', words }];
};

const replicas: Rule = ({ replicationFactor: has }, { replicationFactor: wants }) => {
  const least = Math.max(2, wants);
  if (has >= least) return [];
  const words =
    has < wants
      ? `It is kept on ${has} brokers, and KAFKA_REPLICATION_FACTOR is ${wants}. Move it to more with kafka-reassign-partitions.`
      : 'It is kept on one broker: with its disk, all is lost. KAFKA_REPLICATION_FACTOR has to be 2 at least, better 3.';
  return [{ about: 'replication factor', severity: 'loss', words }];
};

const inSync: Rule = ({ replicationFactor, settings }) => {
  const about = 'min.insync.replicas';
  const has = Number(settings.get(about));
  if (has > replicationFactor)
    return [
      {
        about,
        severity: 'refused',
        words: `It is ${has}, above the ${replicationFactor} copies that there are: nothing can be written. ${setTo(about, String(Math.max(1, replicationFactor - 1)))}`,
      },
    ];
  if (has >= 2) return [];
  const words = `It is ${has}: a message is acknowledged when one broker alone has it. ${setTo(about, '2')}`;
  return [{ about, severity: 'loss', words }];
};

const unclean: Rule = ({ settings }) => {
  const about = 'unclean.leader.election.enable';
  if (settings.get(about) === 'false') return [];
  const words = `It is on: a broker that lacks acknowledged messages could become the leader. ${setTo(about, 'false')}`;
  return [{ about, severity: 'loss', words }];
};

const cleanup: Rule = ({ settings }) => {
  const about = 'cleanup.policy';
  const has = settings.get(about) ?? '';
  if (has === 'delete') return [];
  const words = `It is ${has}: compaction keeps only the last message of each order. ${setTo(about, 'delete')}`;
  return [{ about, severity: 'loss', words }];
};

const retention: Rule = ({ settings }) => {
  const days = Number(settings.get('retention.ms')) / dayMs;
  const bytes = Number(settings.get('retention.bytes'));
  const short = days >= 0 && days < retentionDays;
  return [
    ...(short
      ? [
          {
            about: 'retention.ms',
            severity: 'loss' as const,
            words: `Messages go after ${Math.round(days * 10) / 10} days: who was away for longer misses some. ${setTo('retention.ms', String(retentionMsMin))}`,
          },
        ]
      : []),
    ...(bytes >= 0
      ? [
          {
            about: 'retention.bytes',
            severity: 'loss' as const,
            words: `Messages go when a partition grows above ${bytes} bytes, read or not. ${setTo('retention.bytes', '-1')}`,
          },
        ]
      : []),
  ];
};

const timestamps: Rule = ({ settings }) => {
  const about = 'message.timestamp.type';
  if (settings.get(about) === 'LogAppendTime') return [];
  const words = `It is ${settings.get(about)}: a sender's clock that is wrong has its messages refused, or deleted too soon. ${setTo(about, 'LogAppendTime')}`;
  return [{ about, severity: 'loss', words }];
};

const size: Rule = ({ settings }) => {
  const about = 'max.message.bytes';
  const has = Number(settings.get(about));
  if (has >= messageBytesMin) return [];
  const words = `It is ${has}: larger messages would never come through. ${setTo(about, String(messageBytesMade))}`;
  return [{ about, severity: 'refused', words }];
};

const rules: readonly Rule[] = [partitions, replicas, inSync, unclean, cleanup, retention, timestamps, size];
