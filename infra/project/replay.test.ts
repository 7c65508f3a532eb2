import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FoldError, replayInto } from './replay.ts';
import { count, counting, type Fold, logOf, orders } from './testing/counting.ts';

describe('a replay', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recourse-replay-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const eventsIn = (path: string) => {
    const db = new DatabaseSync(path, { readOnly: true });
    const { events } = db.prepare('select sum(events) as events from counts').get() as { events: number };
    db.close();
    return events;
  };

  it('shows every projection as it stood at a position, and reads each record once', () => {
    const records = orders(100);
    const log = logOf(records, 37);
    const reads: number[] = [];
    const source = {
      ...log,
      read: (...asked: Parameters<typeof log.read>) => {
        reads.push(asked[0]);
        return log.read(...asked);
      },
    };
    const reached: number[] = [];
    const replayed = replayInto(folder, [counting('a'), counting('b')], source, 151, (position) =>
      reached.push(position),
    );
    replayed.close();
    // 50 orders with two events that are counted, and the creation of the next one.
    expect(Object.values(replayed.files).map(({ path }) => eventsIn(path))).toEqual([101, 101]);
    expect(replayed.files.b!.checkpoint().position).toBe(151);
    expect(new Set(reads).size).toBe(reads.length);
    expect(reached.at(-1)).toBe(151);
  });

  it('ends at the head of a log that is shorter, and can be empty', () => {
    const replayed = replayInto(folder, [counting('a')], logOf(orders(3)), 1_000);
    expect(replayed.files.a!.checkpoint().position).toBe(9);
    replayed.close();
    const none = replayInto(join(folder, 'none'), [counting('a')], logOf(orders(3)), 0);
    expect(none.files.a!.checkpoint().position).toBe(0);
    none.close();
  });

  it('names projection, position, stream and type where a fold throws', () => {
    const throwing: Fold = (tables, it) => {
      count(tables, it);
      if (it.position === 61) throw new Error('no such customer');
    };
    const replay = () =>
      replayInto(folder, [counting('good'), counting('bad', 1, throwing)], logOf(orders(100), 50), 300);
    expect(replay).toThrow(FoldError);
    expect(replay).toThrow(
      'projection bad cannot fold the OrderCreated at position 61 (order-o6): no such customer',
    );
  });
});
