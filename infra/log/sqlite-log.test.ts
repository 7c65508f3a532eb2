import { afterEach, describe, expect, it } from '@jest/globals';
import type { StreamName } from '@recourse/contracts/streams';
import { anEvent, freshStream, idsOf, someEvents, until } from '../../test/contract/event-log/events.ts';
import { eventLogContract } from '../../test/contract/event-log.ts';
import { type NewEvent, noStream, type RecordedEvent } from '../ports/event-log.ts';
import { systemClock } from '../system.ts';
import type { SqliteLogOptions } from './sqlite-log.ts';
import { temporaryLogs } from './testing/temporary.ts';
import { transactionEventsMax } from './writer.ts';

const opening = (options: Partial<SqliteLogOptions>) => async () => {
  const logs = temporaryLogs();
  return { log: logs.open(logs.path(), options), clean: logs.clean };
};

eventLogContract('the embedded event log', opening({}));
eventLogContract(
  'the embedded event log with hardly any memory',
  opening({ recentMax: 2, streamsCachedMax: 1 }),
);

describe('the embedded event log', () => {
  const logs = temporaryLogs();
  afterEach(logs.clean);

  it('has positions from 1 without a gap, also where appends between them were refused', async () => {
    const log = logs.open(logs.path());
    const stream = freshStream();
    await Promise.allSettled([
      log.append(stream, noStream, someEvents(3)),
      log.append(stream, noStream, someEvents(2)),
      log.append(freshStream(), 7, someEvents(2)),
      log.append(stream, 2, someEvents(2)),
    ]);
    expect((await log.readAll(0, 10)).map(({ position }) => position)).toEqual([1, 2, 3, 4, 5]);
    expect(log.headNow()).toBe(5);
  });

  it('holds after it was opened again what it held, hands it to followers, and goes on', async () => {
    const path = logs.path();
    const first = logs.open(path);
    const [stream, other] = [freshStream(), 'stock-ä-1' as StreamName];
    const events = someEvents(3);
    const appended = await first.append(stream, noStream, events);
    await first.append(other, noStream, [{ ...anEvent('ä'), correlation: 'c-1', causation: 'no uuid' }]);
    const before = await first.readAll(0, 100);
    await first.close();

    const second = logs.open(path);
    expect(await second.readAll(0, 100)).toEqual(before);
    expect(await second.readStream(stream)).toEqual(before.slice(0, 3));
    expect(await second.headOf(stream)).toBe(2);
    expect(await second.append(stream, noStream, events)).toEqual(appended);
    await expect(second.append(stream, noStream, someEvents(1))).rejects.toMatchObject({ actual: 2 });
    expect(await second.append(stream, 2, someEvents(1))).toMatchObject({ revision: 3, position: 5 });
    const seen: RecordedEvent[] = [];
    second.follow(0, 2, (records) => void seen.push(...records));
    await until(() => seen.length === 5);
    expect(seen.slice(0, 4)).toEqual(before);
  });

  it('reads anywhere in a long stream, from its head or from the nearest waymark', async () => {
    const log = logs.open(logs.path(), { recentMax: 2 });
    const stream = freshStream();
    for (let from = 0; from < 1_200; from += 300) await log.append(stream, from - 1, someEvents(300));
    const revisions = async (from: number, max: number, direction: 'forwards' | 'backwards') =>
      (await log.readStream(stream, { from, max, direction })).map(({ revision }) => revision);
    for (const from of [0, 1, 254, 255, 256, 257, 511, 512, 600, 1_023, 1_024, 1_025, 1_190, 1_199]) {
      const forwards = [from, from + 1, from + 2].filter((revision) => revision < 1_200);
      expect(await revisions(from, 3, 'forwards')).toEqual(forwards);
      expect(await revisions(from, 3, 'backwards')).toEqual(
        [from, from - 1, from - 2].filter((revision) => revision >= 0),
      );
    }
    expect(await revisions(0, 2_000, 'forwards')).toEqual(Array.from({ length: 1_200 }, (_, index) => index));
  });

  it('reads from disk exactly what it hands over from memory', async () => {
    const path = logs.path();
    const log = logs.open(path);
    const streams = Array.from({ length: 5 }, freshStream);
    for (let revision = noStream; revision < 3; revision += 1)
      await Promise.all(streams.map((stream) => log.append(stream, revision, [anEvent()])));
    const small = logs.open(path, { recentMax: 1 });
    for (const stream of streams)
      for (const options of [{}, { from: 1, max: 2 }, { direction: 'backwards', from: 2, max: 2 }] as const)
        expect(await log.readStream(stream, options)).toEqual(await small.readStream(stream, options));
    expect(await log.readAll(3, 9)).toEqual(await small.readAll(3, 9));
  });

  it('hands followers and readers the very records that were appended, parsed by nobody', async () => {
    const log = logs.open(logs.path());
    const seen: RecordedEvent[] = [];
    log.follow(0, 10, (records) => void seen.push(...records));
    const event = anEvent();
    const stream = freshStream();
    await log.append(stream, noStream, [event]);
    expect(seen[0]!.data).toBe(event.data);
    expect((await log.readStream(stream))[0]).toBe(seen[0]);
  });

  it('stamps times that do not go back with the clock, nor when it is opened again', async () => {
    const path = logs.path();
    let now = 5_000;
    const clock = { ...systemClock, now: () => now };
    const first = logs.open(path, { clock });
    await first.append(freshStream(), noStream, someEvents(1));
    now = 3_000;
    await first.append(freshStream(), noStream, someEvents(1));
    await first.close();
    now = 2_000;
    const second = logs.open(path, { clock });
    await second.append(freshStream(), noStream, someEvents(1));
    now = 6_000;
    await second.append(freshStream(), noStream, someEvents(1));
    expect((await second.readAll(0, 10)).map(({ time }) => time)).toEqual([5_000, 5_000, 5_000, 6_000]);
  });

  it('syncs all appends of one turn at once', async () => {
    let transactions = 0;
    const observeAppendMs = () => {
      transactions += 1;
    };
    const log = logs.open(logs.path(), { observeAppendMs });
    await Promise.all(Array.from({ length: 50 }, () => log.append(freshStream(), noStream, someEvents(2))));
    expect(transactions).toBe(1);
    await log.append(freshStream(), noStream, someEvents(1));
    expect(transactions).toBe(2);
  });

  it('holds a transaction to a number of events, and goes on with the rest in order', async () => {
    let transactions = 0;
    const observeAppendMs = () => {
      transactions += 1;
    };
    const log = logs.open(logs.path(), { observeAppendMs });
    const stream = freshStream();
    const batches = Array.from({ length: 5 }, () => someEvents(transactionEventsMax / 2));
    await Promise.all(
      batches.map((events, index) =>
        log.append(stream, (index * transactionEventsMax) / 2 + noStream, events),
      ),
    );
    expect(transactions).toBe(3);
    expect(idsOf(await log.readStream(stream))).toEqual(idsOf(batches.flat()));
  });

  it('keeps the heads of more streams than it has room for, in one turn and over many', async () => {
    const log = logs.open(logs.path(), { streamsCachedMax: 2 });
    const streams = Array.from({ length: 20 }, freshStream);
    for (let revision = noStream; revision < 4; revision += 2)
      await Promise.all(
        [0, 1].flatMap((step) => streams.map((stream) => log.append(stream, revision + step, [anEvent()]))),
      );
    for (const stream of streams) expect(await log.headOf(stream)).toBe(5);
  });

  it('refuses a stream of one category more than it can hold, and goes on', async () => {
    const log = logs.open(logs.path());
    const results = await Promise.allSettled(
      Array.from({ length: 33 }, (_, index) =>
        log.append(`c${index}-x` as StreamName, noStream, someEvents(1)),
      ),
    );
    expect(results.map(({ status }) => status).lastIndexOf('fulfilled')).toBe(31);
    expect((results[32] as PromiseRejectedResult).reason).toBeInstanceOf(RangeError);
    expect(await log.append('c3-x' as StreamName, 0, someEvents(1))).toMatchObject({ position: 33 });
  });

  it.each([
    ['without an id', { id: undefined }],
    ['without a correlation', { correlation: null }],
    ['without data', { data: undefined }],
    ['with data that is no JSON', { data: { note: 1n } }],
  ])('refuses an event %s, and takes the others of its turn', async (_, fault) => {
    const log = logs.open(logs.path());
    const wrong = { ...anEvent(), ...fault } as unknown as NewEvent;
    const [refused, taken] = await Promise.allSettled([
      log.append(freshStream(), noStream, [anEvent(), wrong]),
      log.append(freshStream(), noStream, someEvents(1)),
    ]);
    expect((refused as PromiseRejectedResult).reason).toBeInstanceOf(TypeError);
    expect(taken).toMatchObject({ value: { position: 1 } });
  });

  it('takes an order of 16 records of 200 bytes in at most 8 KB', async () => {
    const log = logs.open(logs.path());
    const orders = 100;
    const note = 'n'.repeat(200 - '{"note":""}'.length);
    const before = log.storedBytes();
    for (let order = 0; order < orders; order += 1) {
      const id = crypto.randomUUID();
      const categories = ['order', 'payment', 'inventory', 'shipping', 'saga'];
      await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          log.append(`${categories[index % 5]}-${id}` as StreamName, Math.floor(index / 5) + noStream, [
            { ...anEvent(note), correlation: id },
          ]),
        ),
      );
    }
    expect((log.storedBytes() - before) / orders).toBeLessThan(8 * 1024);
  });
});
