import { resolve } from 'node:path';
import type { Clock } from '@recourse/infra/ports/clock';
import { sagaVersions } from '@recourse/sagas/machines';
import type { Ground } from '../distributed/ground.ts';
import { type Chart, folderCharts } from '../machines/kept-charts.ts';
import { type Closing, closeAll, composed } from '../parts.ts';
import { compareBooks, copyBooks } from './books.ts';
import { type Carried, placed, positionsIn } from './carried.ts';
import { carry, compareCarried } from './carry.ts';
import { copyRecords, readBack, recordsThere } from './copy.ts';
import { differences } from './differences.ts';
import { type FolderToMove, openFolder } from './folder.ts';
import { type MovedNote, markMoved, movedNote } from './moved.ts';
import { openTarget, ours, refuseMovedElsewhere, type TargetOptions, targetAt } from './target.ts';
import { pendingIn } from './timers.ts';
import { undoneOf } from './undone.ts';
import { refuseOthersRows, refusePublished } from './unused.ts';

/** What is being done, of how many records. */
export type MoveProgress = (
  what: 'checking' | 'copying' | 'reading back',
  done: number,
  total: number,
) => void;

/** What is moved, and where to. */
export type MoveOptions = TargetOptions & {
  readonly dataDir: string;
  /** The folder is not marked as moved: for a rehearsal. */
  readonly copy: boolean;
  readonly onProgress?: MoveProgress;
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
export const moveInstallation = (options: MoveOptions): Promise<MoveReport> =>
  composed(async (closing) => {
    const report = await move(options, closing);
    await closeAll(closing);
    return report;
  });

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
