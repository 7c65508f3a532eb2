import { afterEach, describe, expect, it } from '@jest/globals';
import { freshStream, someEvents } from '../../test/contract/event-log/events.ts';
import { noStream } from '../ports/event-log.ts';
import { systemClock } from '../system.ts';
import { openSqliteLogReader } from './reader.ts';
import { temporaryLogs } from './testing/temporary.ts';

describe('a reader of the log', () => {
  const logs = temporaryLogs();
  afterEach(logs.clean);

  it('finds the last position of a time, however many records share it', async () => {
    const path = logs.path();
    let now = 1_000;
    const log = logs.open(path, { clock: { ...systemClock, now: () => now } });
    for (const count of [1, 5, 2]) {
      await log.append(freshStream(), noStream, someEvents(count));
      now += 1_000;
    }
    const reader = openSqliteLogReader(path);
    const positions = [0, 999, 1_000, 1_500, 2_000, 2_999, 3_000, 99_000].map(reader.positionAt);
    expect(positions).toEqual([0, 0, 1, 1, 6, 6, 8, 8]);
    reader.close();
  });

  it('says that no position is of any time where the log is empty', () => {
    const path = logs.path();
    logs.open(path);
    const reader = openSqliteLogReader(path);
    expect(reader.positionAt(Number.MAX_SAFE_INTEGER)).toBe(0);
    reader.close();
  });
});
