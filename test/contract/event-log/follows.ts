import { expect, it } from '@jest/globals';
import { noStream, type RecordedEvent } from '../../../infra/ports/event-log.ts';
import { anEvent, freshStream, idsOf, type Open, type Start, someEvents, until } from './events.ts';

/** What following promises. */
export const following = (open: Open, start: Start) => {
  it('hands over what was and what comes, once each, in order, in batches of 1 to batchMax', async () => {
    const log = open();
    for (let count = 0; count < 10; count += 1) await log.append(freshStream(), noStream, someEvents(3));
    const seen: RecordedEvent[] = [];
    const sizes: number[] = [];
    const subscription = log.follow(start(), 4, (records) => {
      sizes.push(records.length);
      seen.push(...records);
    });
    await Promise.all(Array.from({ length: 10 }, () => log.append(freshStream(), noStream, someEvents(3))));
    await log.append(freshStream(), noStream, someEvents(5));
    await until(() => seen.length >= 65);
    expect(seen).toEqual(await log.readAll(start(), 100));
    expect(Math.max(...sizes)).toBe(4);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1);
    await subscription.close();
  });

  it('begins right after the position that it is given', async () => {
    const log = open();
    const { position } = await log.append(freshStream(), noStream, someEvents(3));
    const seen: string[] = [];
    const subscription = log.follow(position, 10, (records) => void seen.push(...idsOf(records)));
    const events = someEvents(2);
    await log.append(freshStream(), noStream, events);
    await until(() => seen.length >= 2);
    expect(seen).toEqual(idsOf(events));
    await subscription.close();
  });

  it('waits for the promise of a batch before the next, and holds up neither appends nor other followers', async () => {
    const log = open();
    const slow: string[] = [];
    const quick: string[] = [];
    let atWork = 0;
    let atWorkMost = 0;
    let letGo = () => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const slowOne = log.follow(start(), 2, async (records) => {
      atWork += 1;
      atWorkMost = Math.max(atWork, atWorkMost);
      slow.push(...idsOf(records));
      await gate;
      atWork -= 1;
    });
    const quickOne = log.follow(start(), 100, (records) => void quick.push(...idsOf(records)));
    for (let count = 0; count < 20; count += 1) await log.append(freshStream(), noStream, [anEvent()]);
    await until(() => quick.length === 20);
    expect(slow.length).toBeLessThanOrEqual(2);
    letGo();
    await until(() => slow.length === 20);
    expect(slow).toEqual(quick);
    expect(atWorkMost).toBe(1);
    await Promise.all([slowOne.close(), quickOne.close()]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('not yet');
      },
    ],
    ['rejects', () => Promise.reject(new Error('not yet'))],
  ])('hands the same batch over again when its receiver %s, until it is taken', async (_, refuse) => {
    const log = open();
    await log.append(freshStream(), noStream, someEvents(2));
    const batches: string[][] = [];
    const subscription = log.follow(start(), 3, (records) => {
      batches.push(idsOf(records));
      if (batches.length === 1) void log.append(freshStream(), noStream, someEvents(5));
      return batches.length < 3 ? refuse() : undefined;
    });
    await until(() => batches.length >= 5);
    const ids = idsOf(await log.readAll(start(), 100));
    const first = ids.slice(0, 2);
    expect(batches).toEqual([first, first, first, ids.slice(2, 5), ids.slice(5, 7)]);
    await subscription.close();
  });

  it('closes a follower when its last batch has been taken, and begins none after', async () => {
    const log = open();
    await log.append(freshStream(), noStream, someEvents(4));
    let begun = 0;
    let letGo = () => {};
    const subscription = log.follow(start(), 1, () => {
      begun += 1;
      return new Promise<void>((resolve) => {
        letGo = resolve;
      });
    });
    await until(() => begun === 1);
    let closed = false;
    const closing = subscription.close().then(() => {
      closed = true;
    });
    await log.append(freshStream(), noStream, someEvents(1));
    expect(closed).toBe(false);
    letGo();
    await closing;
    await log.append(freshStream(), noStream, someEvents(1));
    expect(begun).toBe(1);
  });

  it('lets a receiver append, and hands that over too', async () => {
    const log = open();
    const stream = freshStream();
    const seen: number[] = [];
    const subscription = log.follow(start(), 10, async (records) => {
      for (const { revision } of records) {
        seen.push(revision);
        if (revision < 5) await log.append(stream, revision, [anEvent()]);
      }
    });
    await log.append(stream, noStream, [anEvent()]);
    await until(() => seen.length === 6);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    await subscription.close();
  });

  it('shows nobody a record before the head has reached it', async () => {
    const log = open();
    const early: number[] = [];
    let seen = 0;
    const subscription = log.follow(start(), 100, async (records) => {
      const head = await log.head();
      for (const { position } of records) if (position > head) early.push(position);
      seen += records.length;
    });
    for (let count = 0; count < 20; count += 1) await log.append(freshStream(), noStream, someEvents(2));
    await until(() => seen === 40);
    expect(early).toEqual([]);
    await subscription.close();
  });
};
