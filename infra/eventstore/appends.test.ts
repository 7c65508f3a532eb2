import { afterEach, describe, expect, it } from '@jest/globals';
import { anEvent, freshStream, idsOf, someEvents } from '../../test/contract/event-log/events.ts';
import type { AppendFault } from '../../test/eventstore/appends.ts';
import { eventStores, hasty } from '../../test/eventstore/logs.ts';
import type { FakeEventStore } from '../../test/eventstore/server.ts';
import { ConflictError, DamagedError, UnavailableError } from '../errors.ts';
import { appendEventsMax, noStream } from '../ports/event-log.ts';

const stores = eventStores();
afterEach(stores.clean);

/** Makes these faults happen, one an append, and counts the appends. */
const faulty = (server: FakeEventStore, ...faults: AppendFault[]) => {
  const counts = { appends: 0 };
  server.faults.append = () => {
    counts.appends += 1;
    return faults.shift();
  };
  return counts;
};

describe('an append to EventStoreDB', () => {
  it('is made again where the server says that it timed out, but not for ever', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const [stream, events] = [freshStream(), someEvents(2)];
    const counts = faulty(server, 'timeout', 'timeout');
    expect(await log.append(stream, noStream, events)).toMatchObject({ revision: 1 });
    expect(counts.appends).toBe(3);
    faulty(server, 'timeout', 'timeout', 'timeout');
    await expect(log.append(stream, 1, events)).rejects.toBeInstanceOf(UnavailableError);
    expect(idsOf(await log.readStream(stream))).toEqual(idsOf(events));
  });

  it('that two processes make at once is stored once, and both are told where', async () => {
    const server = await stores.start({ raceMs: 60 });
    const [one, other] = [await stores.open(server.url), await stores.open(server.url)];
    server.faults.commitMs = 30;
    const [stream, events] = [freshStream(), someEvents(3)];
    const [first, second] = await Promise.all([
      one.append(stream, noStream, events),
      other.append(stream, noStream, events),
    ]);
    expect(second).toEqual(first);
    expect(idsOf(await one.readStream(stream))).toEqual(idsOf(events));
  });

  it.each<AppendFault>(['drop', 'lose', 'break', 'refuse'])(
    'with an outcome that nobody knows (%s) says so in time, and can be made again',
    async (fault) => {
      const server = await stores.start();
      const lost = fault === 'drop' || fault === 'lose';
      const log = await stores.open(server.url, { limits: lost ? hasty : {} });
      const [stream, events] = [freshStream(), someEvents(2)];
      await log.append(stream, noStream, someEvents(1));
      faulty(server, fault);
      const begun = performance.now();
      await expect(log.append(stream, 0, events)).rejects.toBeInstanceOf(UnavailableError);
      expect(performance.now() - begun).toBeLessThan(4_000);
      expect(await log.append(stream, 0, events)).toMatchObject({ revision: 2 });
      expect(await log.headOf(stream)).toBe(2);
    },
  );

  it('is recognised as a repeat after the server was started again', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const [stream, events] = [freshStream(), someEvents(2)];
    const original = await log.append(stream, noStream, events);
    await log.append(stream, 1, someEvents(1));
    await server.goAway();
    await server.comeBack();
    let again: unknown;
    while (again === undefined)
      again = await log.append(stream, noStream, events).catch((error) => {
        expect(error).toBeInstanceOf(UnavailableError);
      });
    expect(again).toEqual(original);
    expect(await log.headOf(stream)).toBe(2);
  });

  it('is answered with a conflict when what it lost to can be read, and not before', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const stream = freshStream();
    await log.append(stream, noStream, someEvents(1));
    server.faults.hiddenFrom = server.store().all().at(-1)!.position + 1;
    await log.append(stream, 0, someEvents(1));
    let refused: unknown;
    const lost = log.append(stream, 0, someEvents(2)).catch((error) => {
      refused = error;
    });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(refused).toBeUndefined();
    server.faults.hiddenFrom = Number.MAX_SAFE_INTEGER;
    await lost;
    expect(refused).toBeInstanceOf(ConflictError);
    expect(refused).toMatchObject({ expected: 0, actual: 1 });
  });

  it('may be of a mebibyte in all, the most that the server takes, and appendEventsMax small events fit', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const stream = freshStream();
    const most = Array.from({ length: appendEventsMax }, () => anEvent('n'.repeat(250)));
    expect(await log.append(stream, noStream, most)).toMatchObject({ revision: appendEventsMax - 1 });
    const refused = log.append(stream, appendEventsMax - 1, [anEvent('n'.repeat(1024 * 1024))]);
    await expect(refused).rejects.toThrow(/an append of 1 events has \d+ bytes; EventStoreDB takes at most/);
    await expect(refused).rejects.toBeInstanceOf(RangeError);
  });

  it('counts its bytes as the server does', async () => {
    const [stream, event] = [freshStream(), anEvent('ä'.repeat(200))];
    const measuring = await stores.open((await stores.start()).url, { limits: { appendBytesMax: 1 } });
    const measured = await measuring.append(stream, noStream, [event]).catch(({ message }) => message);
    const bytes = Number(/has (\d+) bytes/.exec(measured)![1]);
    const roomy = await stores.open((await stores.start({ appendBytesMax: bytes })).url);
    expect(await roomy.append(stream, noStream, [event])).toMatchObject({ revision: 0 });
    const narrow = await stores.open((await stores.start({ appendBytesMax: bytes - 1 })).url);
    await expect(narrow.append(stream, noStream, [event])).rejects.toThrow(
      `the server takes appends of at most ${bytes - 1} bytes`,
    );
  });

  it.each([
    ['too many wait', { appendsQueuedMax: 2 }],
    ['what waits is too big', { appendBytesQueuedMax: 25_000 }],
  ])('is refused where %s', async (_, limit) => {
    const server = await stores.start();
    const log = await stores.open(server.url, { limits: { ...limit, appendsInFlightMax: 1 } });
    const results = await Promise.allSettled(
      [1, 2, 3].map(() => log.append(freshStream(), noStream, [anEvent('n'.repeat(10_000))])),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect((results[2] as PromiseRejectedResult).reason).toBeInstanceOf(UnavailableError);
  });

  it('to a stream that somebody deleted says that the log is damaged', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const [deleted, forEver] = [freshStream(), freshStream()];
    for (const stream of [deleted, forEver]) await log.append(stream, noStream, someEvents(2));
    server.store().remove(deleted, false);
    server.store().remove(forEver, true);
    expect(await log.readStream(deleted)).toEqual([]);
    await expect(log.append(deleted, noStream, someEvents(1))).rejects.toThrow(
      new DamagedError(
        `the log is damaged: ${deleted} goes on at revision 2, not 0: it was deleted; restore EventStoreDB from a backup`,
      ),
    );
    await expect(log.append(forEver, 1, someEvents(1))).rejects.toBeInstanceOf(DamagedError);
    await expect(log.readStream(forEver)).rejects.toBeInstanceOf(DamagedError);
    await expect(log.readStream(deleted)).rejects.toThrow(`${deleted} 0 is missing`);
  });

  it('needs no server that takes them in batches', async () => {
    const server = await stores.start({ batches: false });
    const log = await stores.open(server.url);
    const [stream, events] = [freshStream(), someEvents(3)];
    const original = await log.append(stream, noStream, events);
    expect(await log.append(stream, noStream, events)).toEqual(original);
    await expect(log.append(stream, noStream, someEvents(1))).rejects.toMatchObject({ actual: 2 });
    const counts = faulty(server, 'timeout');
    expect(await log.append(stream, 2, someEvents(1))).toMatchObject({ revision: 3 });
    expect(counts.appends).toBe(2);
    server.store().remove(stream, true);
    await expect(log.append(stream, 3, someEvents(1))).rejects.toBeInstanceOf(DamagedError);
  });
});
