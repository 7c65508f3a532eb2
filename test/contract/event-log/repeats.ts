import { expect, it } from '@jest/globals';
import { ConflictError } from '../../../infra/errors.ts';
import { noStream } from '../../../infra/ports/event-log.ts';
import { anEvent, freshStream, idsOf, type Open, someEvents } from './events.ts';

/** What an append promises that was made before. */
export const repeating = (open: Open) => {
  it('recognises a repeat, also long after others have followed, and answers with the original place', async () => {
    const log = open();
    const stream = freshStream();
    await log.append(stream, noStream, someEvents(1));
    const events = someEvents(2);
    const original = await log.append(stream, 0, events);
    expect(await log.append(stream, 0, events)).toEqual(original);
    await log.append(stream, 2, someEvents(3));
    expect(await log.append(stream, 0, events)).toEqual(original);
    expect(await log.headOf(stream)).toBe(5);
  });

  it('recognises a repeat in the same turn', async () => {
    const log = open();
    const stream = freshStream();
    const events = someEvents(2);
    const [one, two] = await Promise.all([
      log.append(stream, noStream, events),
      log.append(stream, noStream, events),
    ]);
    expect(two).toEqual(one);
    expect(await log.head()).toBe(one.position);
  });

  it('recognises the first events of what stands there as an append that others have followed', async () => {
    const log = open();
    const stream = freshStream();
    const [first, second] = [anEvent(), anEvent()];
    await log.append(stream, noStream, [first, second]);
    expect((await log.append(stream, noStream, [first])).revision).toBe(0);
    expect(await log.headOf(stream)).toBe(1);
  });

  const [stored, alsoStored, other] = [anEvent(), anEvent(), anEvent()];
  it.each([
    ['other ids', noStream, [other, alsoStored]],
    ['the same ids in another order', noStream, [alsoStored, stored]],
    ['the same ids at another place', 0, [stored]],
    ['the same ids and one more', noStream, [stored, alsoStored, other]],
    ['one of the same ids and another', noStream, [stored, other]],
  ])('takes %s for a conflict, and stores nothing', async (_, expected, events) => {
    const log = open();
    const stream = freshStream();
    await log.append(stream, noStream, [stored, alsoStored]);
    const refused = await log.append(stream, expected, events).catch((error) => error);
    expect(refused).toBeInstanceOf(ConflictError);
    expect(refused).toMatchObject({ expected, actual: 1 });
    expect(idsOf(await log.readStream(stream))).toEqual([stored.id, alsoStored.id]);
  });
};
