import { afterEach, describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '../ports/event-log.ts';
import { systemClock } from '../system.ts';
import { followers } from './followers.ts';

const records = [1, 2, 3].map((position) => ({ position }) as unknown as RecordedEvent);

describe('a follower that stays at its place', () => {
  let crowd: ReturnType<typeof followers>;
  afterEach(() => crowd.close());

  /** Three records, and time that passes when it is told to: each `retry` is one more attempt. */
  const setUp = (stored = (after: number, max: number) => records.slice(after, after + max)) => {
    const said: string[] = [];
    const causes: unknown[] = [];
    let due: (() => void) | undefined;
    crowd = followers({
      clock: {
        ...systemClock,
        after: (_ms, run) => {
          due = run;
          return () => {};
        },
      },
      head: () => records.length,
      recent: () => undefined,
      stored,
      onUnreadable: (error) => {
        said.push(error.message);
        causes.push(error.cause);
      },
      onGoesOn: (position) => said.push(`goes on, has handled ${position}`),
    });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const attempts = async (count: number) => {
      for (let attempt = 0; attempt < count; attempt += 1) {
        for (let turns = 0; turns < 10; turns += 1) await turn();
        const run = due;
        due = undefined;
        run?.();
      }
      for (let turns = 0; turns < 10; turns += 1) await turn();
    };
    return { said, causes, attempts };
  };

  it.each([
    ['throws', false],
    ['rejects', true],
  ])('because it %s says so once, again for another reason, and when it goes on', async (_, late) => {
    const { said, causes, attempts } = setUp();
    let failure: Error | undefined = new Error('no such account');
    const [first, second] = [failure, new Error('disk full')];
    crowd.follow(0, 2, (): void | Promise<void> => {
      if (failure === undefined) return undefined;
      if (late) return Promise.reject(failure);
      throw failure;
    });
    await attempts(5);
    const at = 'a follower of the log throws at the records after position 0';
    expect(said).toEqual([`${at}: no such account`]);
    failure = second;
    await attempts(5);
    expect(said.slice(1)).toEqual([`${at}: disk full`]);
    expect(causes).toEqual([first, second]);
    failure = undefined;
    await attempts(5);
    expect(said.slice(2)).toEqual(['goes on, has handled 2']);
  });

  it('because its records cannot be read says so once, and when it goes on', async () => {
    let damaged = true;
    const { said, attempts } = setUp((after, max) => {
      if (damaged) throw new Error('record 1 is damaged');
      return records.slice(after, after + max);
    });
    const seen: number[] = [];
    crowd.follow(0, 3, (batch) => void seen.push(...batch.map(({ position }) => position)));
    await attempts(5);
    expect(said).toEqual(['record 1 is damaged']);
    damaged = false;
    await attempts(5);
    expect(said.slice(1)).toEqual(['goes on, has handled 3']);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('says nothing once it is closed', async () => {
    const { said, attempts } = setUp();
    let fail = () => {};
    const following = crowd.follow(
      0,
      3,
      () => new Promise<void>((_, reject) => (fail = () => reject(new Error('late')))),
    );
    await attempts(0);
    const closed = following.close();
    fail();
    await closed;
    expect(said).toEqual([]);
  });
});
