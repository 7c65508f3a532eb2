import type { Logger } from 'pino';
import { UnavailableError } from '../../errors.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import type { EventLog, RecordedEvent, Subscription } from '../../ports/event-log.ts';
import { textOf } from '../../project/fold-records.ts';
import type { Build } from './build.ts';

/** The log, read once for all builds that follow it and are near each other. */
export type Feed = {
  /** Lets a build follow. */
  add(build: Build): void;
  /** Hands it nothing more; resolves when it has returned from the last. */
  remove(build: Build): Promise<void>;
  /** The position of the last record heard of. */
  head(): number;
  close(): Promise<void>;
};

/** The most records in one batch: one transaction for each build. */
export const batchRecordsMax = 2_000;
/** Further behind the first of them than this a build is not waited for, and reads for itself. */
const behindMax = 10 * batchRecordsMax;
/** After a batch that was not full more is let come first: fewer, larger batches write each row less often. */
const lingerMs = 150;
const lookAgainMs = 1_000;

/**
 * Follows the log from its head on. A build that is behind what has been handed over, because it is new here or could
 * not be written, is first brought up by reading back.
 */
export const openFeed = (options: {
  readonly log: Pick<EventLog, 'head' | 'follow' | 'readAll'>;
  readonly clock: Clock;
  readonly logger: Logger;
}): Feed => {
  const { log, clock, logger } = options;
  const closing = new AbortController();
  /** What each build is doing now. */
  const builds = new Map<Build, Promise<void> | undefined>();
  /** Up to where the follower hands over, as soon as it has begun to. */
  let reached = 0;
  let following: Subscription | undefined;
  let woken = Promise.withResolvers<void>();
  const complain = complaints(logger);

  const take = (build: Build, after: number, records: readonly RecordedEvent[]): Promise<void> => {
    const taken = build.take(after, records).finally(() => {
      if (builds.has(build)) builds.set(build, undefined);
    });
    builds.set(build, taken);
    return taken;
  };

  /** Each folds in a turn of its own: in between others of this process get theirs. */
  const takeAll = async (some: readonly Build[], after: number, records: readonly RecordedEvent[]) => {
    const taken: Promise<void>[] = [];
    for (const build of some) {
      // It may have been removed meanwhile, or have begun to take what was read back: one at a time.
      if (!builds.has(build)) continue;
      if (builds.get(build) !== undefined) {
        woken.resolve();
        continue;
      }
      taken.push(take(build, after, records));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(taken);
  };

  const idle = () =>
    [...builds].filter(([build, busy]) => busy === undefined && build.goes()).map(([it]) => it);
  const positionOf = (build: Build) => build.place().position;

  const onRecords = async (records: readonly RecordedEvent[]) => {
    const after = reached;
    reached = records.at(-1)!.position;
    const near = idle().filter((build) => positionOf(build) >= after);
    await takeAll(near, after, records);
    if (near.length < builds.size) woken.resolve();
    if (records.length < batchRecordsMax) await sleep(clock, lingerMs, closing.signal);
  };

  /** Reads the next records for builds that are near each other; false where there were none. */
  const bringUp = async (some: readonly Build[]): Promise<boolean> => {
    if (some.length === 0) return false;
    const after = Math.min(...some.map(positionOf));
    const records = await log.readAll(after, batchRecordsMax);
    const last = records.at(-1)?.position;
    if (last === undefined) return false;
    await takeAll(
      some.filter((it) => positionOf(it) < last),
      after,
      records,
    );
    return true;
  };

  const bringUpAll = async (): Promise<boolean> => {
    const behind = idle().filter((build) => positionOf(build) < reached);
    const first = Math.max(0, ...behind.map(positionOf));
    const far = behind.filter((build) => first - positionOf(build) > behindMax);
    const brought = await Promise.all([
      bringUp(behind.filter((build) => !far.includes(build))),
      bringUp(far),
    ]);
    return brought.includes(true);
  };

  const run = async () => {
    while (!closing.signal.aborted) {
      woken = Promise.withResolvers();
      let goesOn = false;
      try {
        reached = following === undefined ? await log.head() : reached;
        following ??= log.follow(reached, batchRecordsMax, onRecords);
        goesOn = await bringUpAll();
        complain(undefined);
      } catch (error) {
        complain(error);
      }
      if (!goesOn) await Promise.race([sleep(clock, lookAgainMs, closing.signal), woken.promise]);
    }
  };
  const ran = run();

  return {
    add: (build) => {
      builds.set(build, undefined);
      woken.resolve();
    },
    remove: async (build) => {
      const busy = builds.get(build);
      builds.delete(build);
      await busy;
    },
    head: () => reached,
    close: async () => {
      closing.abort();
      await Promise.all([ran, following?.close()]);
    },
  };
};

/** Says once that log or tables cannot be reached, and once that they can be again. */
export const complaints = (logger: Logger) => {
  let complained = '';
  return (error: unknown): void => {
    const text = error === undefined ? '' : textOf(error);
    if (text === complained) return;
    complained = text;
    if (text === '') logger.info('the read models go on');
    else {
      const level = error instanceof UnavailableError ? 'warn' : 'error';
      logger[level]({ err: error }, 'the read models cannot go on');
    }
  };
};
