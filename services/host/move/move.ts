import { resolve } from 'node:path';
import { StartError } from '@recourse/infra/errors';
import { lookAtTopics } from '@recourse/infra/kafka/topics';
import type { Clock } from '@recourse/infra/ports/clock';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import { sagaVersions } from '@recourse/sagas/machines';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { type Ground, openGround } from '../distributed/ground.ts';
import { openGroups, openParticipants } from '../distributed/groups.ts';
import { reachOf } from '../distributed/needs.ts';
import { reached } from '../distributed/wait.ts';
import { type Chart, folderCharts } from '../machines/kept-charts.ts';
import { type Closing, closeAll } from '../parts.ts';
import { roles } from '../settings.ts';
import { compareBooks, copyBooks } from './books.ts';
import { type Carried, carry, compareCarried, placed, positionsIn } from './carry.ts';
import { copyRecords, readBack, recordsThere, type TargetLog } from './copy.ts';
import { differences } from './differences.ts';
import { type FolderToMove, openFolder } from './folder.ts';
import { type MovedNote, markMoved, movedNote } from './moved.ts';
import { pendingIn } from './timers.ts';
import { undoneOf } from './undone.ts';
import { refuseMessages, refuseOthersRows, refusePublished, refuseRunning } from './unused.ts';

/** What is being done, of how many records. */
export type MoveProgress = (
  what: 'checking' | 'copying' | 'reading back',
  done: number,
  total: number,
) => void;

/** What is moved, and where to. */
export type MoveOptions = {
  readonly dataDir: string;
  readonly to: MovedNote['to'];
  /** The settings of the target. */
  readonly config: Config;
  /** The folder is not marked as moved: for a rehearsal. */
  readonly copy: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onProgress?: MoveProgress;
  /** What a test puts in the place of the target's log. */
  wrapLog?(log: TargetLog): TargetLog;
};

/** What a move came to. */
export type MoveReport = {
  readonly from: string;
  readonly to: MovedNote['to'];
  readonly at: string;
  readonly records: number;
  readonly streams: number;
  /** Records that were copied now; the others were there already. */
  readonly copied: number;
  /** Messages, by how they stand; timers; entries of the simulated books; charts of the machines. */
  readonly carried: {
    readonly waiting: number;
    readonly dead: number;
    readonly discarded: number;
    readonly timers: number;
    readonly bookEntries: number;
    readonly charts: number;
  };
  /** The position of the target up to which nothing is published any more. */
  readonly relayFrom: number;
  /** How many differences there are between folder and target, and the first of them. With any the folder is not marked. */
  readonly differing: number;
  readonly differences: readonly string[];
  /** The folder says now that it was moved. */
  readonly marked: boolean;
};

/**
 * Moves a data folder to a distributed installation: the log as it is, and what is not in the log. It may be killed
 * anywhere and run again. Nothing in the folder is changed but for the mark in the end. Rejects with `StartError` where
 * the folder or the target is refused, and with `UnavailableError` where the target goes away meanwhile.
 */
export const moveInstallation = async (options: MoveOptions): Promise<MoveReport> => {
  const closing: Closing = [];
  try {
    return await move(options, closing);
  } finally {
    await closeAll(closing);
  }
};

const move = async (options: MoveOptions, closing: Closing): Promise<MoveReport> => {
  const { clock, config, onProgress = () => {} } = options;
  const dataDir = resolve(options.dataDir);
  const at = targetAt(options);
  refuseMovedElsewhere(dataDir, at, options);
  const folder = await openFolder(dataDir, closing, {
    clock,
    onChecked: (done, total) => onProgress('checking', done, total),
  });
  const { head } = folder;
  const { postgres, target, groups } = await openTarget(options, closing);
  const undone = undoneOf(folder, groups, ours(config));
  const there = await recordsThere(folder, target);
  if (there === 0) await refuseOthersRows(postgres.query);
  const found: Carried = {
    undone,
    timers: pendingIn(folder),
    charts: await chartsIn(dataDir),
    partitions: config.kafkaPartitions,
    shards: config.relayShards,
  };

  const copied = await copyRecords(folder, target, there, (done) => onProgress('copying', done, head));
  const back = await readBack(folder, target, positionsIn(found), (done) =>
    onProgress('reading back', done, head),
  );
  const carried = placed(found, back.places);
  let bookEntries = 0;
  if (back.differences.count() === 0) {
    await refusePublished(postgres.query, carried.undone.relayFrom);
    bookEntries = await carryOver(postgres, dataDir, carried, back.differences);
  }

  const differing = back.differences.count();
  const marked = differing === 0 && !options.copy;
  if (marked) await mark(folder, { to: options.to, at }, clock);
  const { waiting, discarded, relayFrom } = carried.undone;
  const dead = waiting.filter(({ state }) => state === 'dead').length;
  return {
    from: dataDir,
    to: options.to,
    at,
    records: head,
    streams: folder.streams,
    copied,
    carried: {
      waiting: waiting.length - dead,
      dead,
      discarded: discarded.length,
      timers: carried.timers.length,
      bookEntries,
      charts: carried.charts.size,
    },
    relayFrom,
    differing,
    differences: back.differences.named(),
    marked,
  };
};

/** Reaches everything, makes the topics that are missing, and refuses what is not new, or would lose data. */
const openTarget = async (options: MoveOptions, closing: Closing) => {
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
  await reached(kafka, () => refuseMessages(ground, old, [...groups.map(({ group }) => group), 'ingest']));
  const copying: TargetLog = { ...ground.log, importRecords: ground.importRecords };
  return { postgres: ground.postgres, target: options.wrapLog?.(copying) ?? copying, groups };
};

/** The groups of a folder: there every participant is ours. None of them begins anything here. */
const groupsOf = (ground: Ground, closing: Closing) => {
  const folders = { ...ground, config: { ...ground.config, foreign: new Set<never>() } };
  return openGroups(folders, openParticipants(folders, {}, closing), closing);
};

/** Whether a group is one of the installation: somebody else's program takes its commands from Kafka by itself. */
const ours = ({ foreign }: Config) => {
  const gone: ReadonlySet<string> = foreign;
  return ({ group }: { readonly group: string }): boolean => !gone.has(group);
};

/** Brings PostgreSQL to what is carried over, where it is not there already, and compares. Says how many entries the books have. */
const carryOver = async (
  postgres: Ground['postgres'],
  dataDir: string,
  carried: Carried,
  found: ReturnType<typeof differences>,
): Promise<number> => {
  const { query } = postgres;
  const before = differences();
  await compareCarried(query, carried, before);
  if (before.count() > 0) await carry(postgres, carried);
  await copyBooks(dataDir, query);
  await compareCarried(query, carried, found);
  return compareBooks(dataDir, query, found);
};

const chartsIn = async (dataDir: string): Promise<ReadonlyMap<number, Chart>> => {
  const charts = folderCharts(dataDir);
  const kept = new Map<number, Chart>();
  for (const version of sagaVersions) {
    const chart = await charts.read(version);
    if (chart !== undefined) kept.set(version, chart);
  }
  return kept;
};

const mark = async ({ dataDir, head }: FolderToMove, where: Pick<MovedNote, 'to' | 'at'>, clock: Clock) => {
  if (movedNote(dataDir) !== undefined) return;
  const movedAt = new Date(clock.now()).toISOString();
  await markMoved(dataDir, { ...where, movedAt, position: head });
};

/** Where the target is, for people; nothing secret. Throws `StartError` `invalid-setting` where settings do not fit. */
const targetAt = ({ to, config }: Pick<MoveOptions, 'to' | 'config'>): string => {
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
const refuseMovedElsewhere = (dataDir: string, at: string, { copy }: Pick<MoveOptions, 'copy'>): void => {
  const note = movedNote(dataDir);
  if (note === undefined || copy || note.at === at) return;
  throw new StartError(
    'moved',
    `${dataDir} was moved on ${note.movedAt} to ${note.at}: it is not moved to another place besides. To try another one, say --copy.`,
  );
};
