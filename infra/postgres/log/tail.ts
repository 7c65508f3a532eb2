import { recentRecords } from '../../log/recent.ts';
import { type Clock, sleep } from '../../ports/clock.ts';
import type { RecordedEvent } from '../../ports/event-log.ts';
import type { Sized } from './records.ts';

/** What the end of the log may hold in memory. */
export type TailLimits = {
  readonly recentMax: number;
  readonly recentBytesMax: number;
  /** The most records of one read. */
  readonly tailReadMax: number;
  /** At least so long from one read to the next: what comes meanwhile joins. The first after a while waits for nothing. */
  readonly tailPauseMs: number;
};

/**
 * The end of the log in memory, for all who follow it near its head: each record is read and parsed once. What this
 * process appends need not be read at all. `readAfter` answers with at least one record where there is one.
 */
export const logTail = (
  readAfter: (after: number, max: number) => Promise<readonly Sized[]>,
  clock: Clock,
  { recentMax, recentBytesMax, tailReadMax, tailPauseMs }: TailLimits,
) => {
  const recent = recentRecords(recentMax, recentBytesMax);
  /** The position of the last record in memory: where the next read begins. */
  let end = 0;
  /** Records that this process has appended behind what was read so far, in blocks by the position of their first. */
  const ahead = new Map<number, readonly Sized[]>();
  let aheadRecords = 0;
  let aheadBytes = 0;
  let reading: Promise<void> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;

  const keep = (block: readonly Sized[]) => {
    for (const { record, size } of block) {
      if (record.position !== end + 1) continue;
      recent.push(record, size, 0);
      end = record.position;
    }
  };

  const count = (block: readonly Sized[], sign: 1 | -1) => {
    aheadRecords += sign * block.length;
    for (const { size } of block) aheadBytes += sign * size;
  };

  const remove = (first: number, block: readonly Sized[]) => {
    ahead.delete(first);
    count(block, -1);
  };

  /** Takes what follows, and forgets what has been read meanwhile. */
  const settle = () => {
    for (let block = ahead.get(end + 1); block !== undefined; block = ahead.get(end + 1)) {
      remove(end + 1, block);
      keep(block);
    }
    for (const [first, block] of ahead) if (first <= end) remove(first, block);
  };

  const readOn = async (after: number) => {
    const waitMs = readAt + tailPauseMs - clock.monotonic();
    if (waitMs > 0) await sleep(clock, waitMs);
    if (end > after) return;
    readAt = clock.monotonic();
    const next = Math.min(...ahead.keys());
    keep(await readAfter(end, Math.min(tailReadMax, next - 1 - end)));
    settle();
  };

  return {
    /** Up to `max` records after a position from memory, `undefined` where they are not there. */
    recent: (after: number, max: number): RecordedEvent[] | undefined => recent.after(after, max),

    /** Takes records that this process has appended, one after the other, and that are synced. */
    own: (block: readonly Sized[]): void => {
      const first = block[0]!.record.position;
      if (first <= end) return;
      ahead.set(first, block);
      count(block, 1);
      settle();
      // Nobody reads what lies between: those who follow lag, and will read these records too.
      if (aheadRecords <= recentMax && aheadBytes <= recentBytesMax) return;
      ahead.clear();
      aheadRecords = 0;
      aheadBytes = 0;
    },

    /**
     * Records after a position, of which there are some: for who has come to the end of memory, and moves it on; and
     * for who lags behind it. None: they are in memory by now, or will be.
     */
    after: async (after: number, max: number, head: number): Promise<readonly RecordedEvent[]> => {
      if (after < end || head - after > recentMax)
        return (await readAfter(after, max)).map(({ record }) => record);
      if (reading === undefined) {
        if (after > end) {
          end = after;
          settle();
        }
        reading = readOn(after).finally(() => {
          reading = undefined;
        });
      }
      await reading;
      return recent.after(after, max) ?? [];
    },
  };
};
