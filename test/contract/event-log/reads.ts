import { expect, it } from '@jest/globals';
import type { StreamName } from '@recourse/contracts/streams';
import { noStream } from '../../../infra/ports/event-log.ts';
import { anEvent, freshStream, type Open, revisionsOf, type Start, someEvents } from './events.ts';

/** What reading promises. */
export const reading = (open: Open, start: Start) => {
  const filled = async () => {
    const log = open();
    const stream = freshStream();
    await log.append(stream, noStream, someEvents(3));
    await log.append(freshStream(), noStream, someEvents(2));
    await log.append(stream, 2, someEvents(7));
    return { log, stream };
  };

  it.each([
    ['all', {}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['from a revision on', { from: 7 }, [7, 8, 9]],
    ['so many at most', { max: 3 }, [0, 1, 2]],
    ['so many from a revision on', { from: 2, max: 2 }, [2, 3]],
    ['more than there are', { from: 8, max: 5 }, [8, 9]],
    ['from behind the end', { from: 10 }, []],
    ['from before the first', { from: -1, max: 2 }, [0, 1]],
    ['none', { max: 0 }, []],
  ])('reads a stream forwards: %s', async (_, options, expected) => {
    const { log, stream } = await filled();
    expect(revisionsOf(await log.readStream(stream, options))).toEqual(expected);
  });

  it.each([
    ['all', {}, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
    ['the last', { max: 1 }, [9]],
    ['from a revision on', { from: 2 }, [2, 1, 0]],
    ['so many from a revision on', { from: 5, max: 2 }, [5, 4]],
    ['from behind the end', { from: 20, max: 2 }, [9, 8]],
    ['more than there are', { from: 1, max: 5 }, [1, 0]],
    ['from before the first', { from: -1, max: 2 }, []],
    ['none', { max: 0 }, []],
  ])('reads a stream backwards: %s', async (_, options, expected) => {
    const { log, stream } = await filled();
    expect(revisionsOf(await log.readStream(stream, { ...options, direction: 'backwards' }))).toEqual(
      expected,
    );
  });

  it('reads a stream that does not exist as empty, with noStream as its head', async () => {
    const { log } = await filled();
    const stream = freshStream();
    expect(await log.readStream(stream)).toEqual([]);
    expect(await log.readStream(stream, { direction: 'backwards', max: 1 })).toEqual([]);
    expect(await log.headOf(stream)).toBe(noStream);
  });

  it('tells streams apart whose names hold dashes or other writings', async () => {
    const log = open();
    const id = freshStream().slice('saga-input-'.length);
    const names = [
      `stock-a ${id}`,
      `stock-a ${id}-b`,
      `stock-A ${id}`,
      `stock-ä 大 ${id}`,
      `stock-c${id.slice(1).toUpperCase()}`,
      `stock-C${id.slice(1)}`,
      `stock-${id}`,
      `stock-${id.slice(0, -1)}B`,
      `stock-${id.slice(0, -1)}b`,
      `order-${id}`,
      `saga-${id}`,
      `saga-input-${id}`,
    ] as string[] as StreamName[];
    for (const name of names) await log.append(name, noStream, [anEvent(name)]);
    for (const name of names)
      expect(await log.readStream(name)).toMatchObject([{ stream: name, data: { note: name } }]);
    expect((await log.readAll(start(), 100)).map(({ stream }) => stream)).toEqual(names);
  });

  it('reads the whole log after a position, in the order of positions, so many at most', async () => {
    const { log } = await filled();
    const all = await log.readAll(start(), 100);
    expect(all).toHaveLength(12);
    const positions = all.map(({ position }) => position);
    expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
    expect(await log.readAll(positions[3]!, 5)).toEqual(all.slice(4, 9));
    expect(await log.head()).toBe(positions.at(-1));
    expect(await log.readAll(await log.head(), 5)).toEqual([]);
  });

  it('is empty at first: no records, and its head is where it begins', async () => {
    const log = open();
    expect(await log.head()).toBe(start());
    expect(await log.readAll(start(), 10)).toEqual([]);
  });
};
