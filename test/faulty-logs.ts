import type { StreamName } from '@recourse/contracts/streams';
import { UnavailableError } from '@recourse/infra/errors';
import type { EventLog } from '@recourse/infra/ports/event-log';

/** For tests: logs that misbehave on purpose, each around a real one. */

/** Counts what goes through to a log. */
export const countingLog = (log: EventLog) => {
  const counts = { appends: 0, stockAppends: 0, reads: 0 };
  const counting: EventLog = {
    ...log,
    append: (stream, ...rest) => {
      counts.appends += 1;
      if (stream.startsWith('stock-')) counts.stockAppends += 1;
      return log.append(stream, ...rest);
    },
    readStream: (...args) => {
      counts.reads += 1;
      return log.readStream(...args);
    },
  };
  return { log: counting, counts };
};

/**
 * A log whose appends fail from the n-th on (from 0) as if the process had died: the n-th is stored or not, and its
 * outcome unknown; the others are not stored.
 */
export const failingFrom = (log: EventLog, n: number, nthIsStored: boolean) => {
  let appends = 0;
  const failing: EventLog = {
    ...log,
    append: async (...args) => {
      const at = appends++;
      if (at < n || (at === n && nthIsStored)) {
        const appended = await log.append(...args);
        if (at < n) return appended;
      }
      throw new UnavailableError(`append ${at} failed`);
    },
  };
  return { log: failing, failed: () => appends > n };
};

/** A log that keeps each append to one stream back, before it is stored or before it is answered, until told. */
export const pausingLog = (log: EventLog, stream: StreamName, when: 'before' | 'after') => {
  let reach = () => {};
  let goOn = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const pause = () => {
    reach();
    return gate;
  };
  const pausing: EventLog = {
    ...log,
    append: async (to, ...rest) => {
      if (to === stream && when === 'before') await pause();
      const appended = await log.append(to, ...rest);
      if (to === stream && when === 'after') await pause();
      return appended;
    },
  };
  return { log: pausing, reached, goOn: () => goOn() };
};

/** What a log does with one append: waits so many turns of the event loop before and after, and may fail. */
export type Whim = {
  readonly before: number;
  readonly after: number;
  readonly fails: 'no' | 'unstored' | 'stored';
};

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** How often a log with whims fails at most, so that who tries again gets through. */
const failuresMax = 12;

/** A log with whims, one an append, round and round; reads wait too. */
export const whimsicalLog = (log: EventLog, whims: readonly Whim[]): EventLog => {
  let at = 0;
  let failures = 0;
  const next = () => whims[at++ % whims.length]!;
  return {
    ...log,
    readStream: async (...args) => {
      await turns(next().before);
      const records = await log.readStream(...args);
      await turns(next().after);
      return records;
    },
    append: async (...args) => {
      const { before, after, ...whim } = next();
      const fails = failures < failuresMax ? whim.fails : 'no';
      if (fails !== 'no') failures += 1;
      await turns(before);
      if (fails === 'unstored') throw new UnavailableError('not stored');
      try {
        return await log.append(...args);
      } finally {
        await turns(after);
        // biome-ignore lint/correctness/noUnsafeFinally: the outcome is lost on the way, whatever it was
        if (fails === 'stored') throw new UnavailableError('nobody knows');
      }
    },
  };
};

/** A log that hands every record of a type to those who follow it as if a newer Recourse had written it. */
export const newerLog = (log: EventLog, type: string, version: number): EventLog => ({
  ...log,
  follow: (after, batchMax, onRecords) =>
    log.follow(after, batchMax, (records) =>
      onRecords(records.map((record) => (record.type === type ? { ...record, version } : record))),
    ),
});
