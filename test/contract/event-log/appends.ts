import { expect, it } from '@jest/globals';
import { ConflictError } from '../../../infra/errors.ts';
import { appendEventsMax, type NewEvent, noStream } from '../../../infra/ports/event-log.ts';
import { anEvent, freshStream, idsOf, type Open, type Start, someEvents } from './events.ts';

/** What an append promises. */
export const appending = (open: Open, start: Start) => {
  it('stores what it is given, after the place that was expected, and says where', async () => {
    const log = open();
    const stream = freshStream();
    const [first, second, third] = [anEvent('a'), anEvent('b'), anEvent('c')];
    const one = await log.append(stream, noStream, [first]);
    const two = await log.append(stream, one.revision, [second, third]);
    expect([one.revision, two.revision]).toEqual([0, 2]);
    expect(two.position).toBeGreaterThan(one.position);
    const records = await log.readStream(stream);
    expect(records).toEqual(
      [first, second, third].map((event, revision) => ({
        ...event,
        stream,
        revision,
        version: 1,
        position: records[revision]!.position,
        time: records[revision]!.time,
      })),
    );
    expect(records[2]).toMatchObject(two);
  });

  it.each([
    ['a stream that exists, as a new one', 2, noStream, 1],
    ['a place before the head', 3, 1, 2],
    ['a place behind the head', 2, 4, 1],
    ['a stream that does not exist, as one that does', 0, 0, noStream],
  ])(
    'rejects %s with a conflict that says what it found, and stores nothing',
    async (_, there, expected, actual) => {
      const log = open();
      const stream = freshStream();
      if (there > 0) await log.append(stream, noStream, someEvents(there));
      const headBefore = await log.head();
      const refused = await log.append(stream, expected, someEvents(2)).catch((error) => error);
      expect(refused).toBeInstanceOf(ConflictError);
      expect(refused).toMatchObject({ stream, expected, actual, code: 'conflict' });
      expect(await log.head()).toBe(headBefore);
      expect(await log.headOf(stream)).toBe(actual);
    },
  );

  it('refuses an append of no events, and one of more than appendEventsMax', async () => {
    const log = open();
    const stream = freshStream();
    await expect(log.append(stream, noStream, [])).rejects.toThrow(RangeError);
    await expect(log.append(stream, noStream, someEvents(appendEventsMax + 1))).rejects.toThrow(RangeError);
    expect(await log.headOf(stream)).toBe(noStream);
  });

  it('stores an append of appendEventsMax events whole', async () => {
    const log = open();
    const stream = freshStream();
    const events = someEvents(appendEventsMax);
    expect((await log.append(stream, noStream, events)).revision).toBe(appendEventsMax - 1);
    expect(idsOf(await log.readStream(stream))).toEqual(idsOf(events));
  });

  it('refuses an event of a type that nobody knows, and goes on', async () => {
    const log = open();
    const stream = freshStream();
    const unknown = { ...anEvent(), type: 'OrderForgotten' } as unknown as NewEvent;
    await expect(log.append(stream, noStream, [anEvent(), unknown])).rejects.toThrow('OrderForgotten');
    expect(await log.readStream(stream)).toEqual([]);
    expect((await log.append(stream, noStream, [anEvent()])).revision).toBe(0);
  });

  it('lets an append follow another of the same turn, and holds a third to what those two made', async () => {
    const log = open();
    const stream = freshStream();
    const [first, second] = [anEvent(), anEvent()];
    const results = await Promise.allSettled([
      log.append(stream, noStream, [first]),
      log.append(stream, 0, [second]),
      log.append(stream, 0, [anEvent()]),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect((results[2] as PromiseRejectedResult).reason).toMatchObject({ expected: 0, actual: 1 });
    expect(idsOf(await log.readStream(stream))).toEqual(idsOf([first, second]));
  });

  it('gives one place to one of many that want it', async () => {
    const log = open();
    const stream = freshStream();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => log.append(stream, noStream, someEvents(2))),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await log.headOf(stream)).toBe(1);
  });

  it('stamps records with a time that never decreases', async () => {
    const log = open();
    for (let count = 0; count < 20; count += 1) await log.append(freshStream(), noStream, someEvents(2));
    const times = (await log.readAll(start(), 100)).map(({ time }) => time);
    expect(times).toHaveLength(40);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(Number.isSafeInteger(times[0])).toBe(true);
  });
};
