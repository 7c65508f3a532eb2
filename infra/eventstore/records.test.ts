import { EventStoreDBClient } from '@eventstore/db-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import { anEvent, freshStream, idsOf, someEvents, until } from '../../test/contract/event-log/events.ts';
import { eventStores } from '../../test/eventstore/logs.ts';
import type { FakeEventStore } from '../../test/eventstore/server.ts';
import type { ProposedEvent } from '../../test/eventstore/store.ts';
import { DamagedError, UnknownVersionError } from '../errors.ts';
import { noStream, type RecordedEvent } from '../ports/event-log.ts';

const stores = eventStores();
afterEach(stores.clean);

const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const parsed = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());

/** Writes to a server what is not from us, or not any more. */
const write = (server: FakeEventStore, stream: string, event: Partial<ProposedEvent>) => {
  const head = server.store().stream(stream);
  server.store().append(stream, head === undefined ? 'no_stream' : head.length - 1, [
    {
      id: crypto.randomUUID(),
      type: 'OrderLost',
      contentType: 'application/json',
      data: text({}),
      metadata: new Uint8Array(),
      ...event,
    },
  ]);
};

/** Writes the last event of a stream once more into another one, changed. */
const forge = (
  server: FakeEventStore,
  stream: string,
  to: string,
  change: (event: ProposedEvent) => object,
) => {
  const stored = server.store().stream(stream) as readonly ProposedEvent[];
  const last = stored.at(-1)!;
  write(server, to, { ...last, id: crypto.randomUUID(), ...change(last) });
};

describe('a record on EventStoreDB', () => {
  it('is JSON, beside what belongs together under the names that the server knows', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const [stream, event] = [freshStream(), anEvent('ä')];
    await log.append(stream, noStream, [event]);
    const client = EventStoreDBClient.connectionString(server.url);
    for await (const { event: stored } of client.readStream(stream))
      expect(stored).toMatchObject({
        id: event.id,
        type: event.type,
        isJson: true,
        data: event.data,
        metadata: { $correlationId: event.correlation, $causationId: event.causation, schemaVersion: 1 },
      });
    await client.dispose();
  });

  it('is told from what the server and others write beside it, who may write a lot', async () => {
    const server = await stores.start({ systemEvery: 1 });
    const log = await stores.open(server.url, { limits: { readEventsMax: 7 } });
    expect([await log.head(), await log.readAll(0, 5)]).toEqual([0, []]);
    const seen: RecordedEvent[] = [];
    log.follow(0, 3, (records) => void seen.push(...records));
    const [first, second] = [someEvents(3), someEvents(2)];
    await log.append(freshStream(), noStream, first);
    for (let count = 0; count < 60; count += 1) {
      server.store().writeSystemEvent('$stats-127.0.0.1:2113', '$statsCollected');
      server.store().writeSystemEvent('$projections-x', 'WithoutASign');
      server.store().writeSystemEvent('parcels-1', '$>');
      write(server, 'parcels-1', { type: 'ParcelFound', metadata: text({ by: 'others' }) });
    }
    const { position } = (await log.readAll(0, 10)).at(-1)!;
    expect(await log.head()).toBe(position);
    expect(await log.readAll(position, 10)).toEqual([]);
    const last = await log.append(freshStream(), noStream, second);
    expect(await log.head()).toBe(last.position);
    expect(idsOf(await log.readAll(position, 10))).toEqual(idsOf(second));
    await until(() => seen.length === 5);
    expect(idsOf(seen)).toEqual(idsOf([...first, ...second]));
    await expect(log.readStream('parcels-1' as never)).rejects.toThrow(
      /is a \$> that Recourse has not written/,
    );
  });

  it.each<[string, (event: ProposedEvent) => object]>([
    ['whose data is another', () => ({ data: text({ note: 'forged' }) })],
    ['whose data is no JSON', () => ({ data: new TextEncoder().encode('{') })],
    ['in another stream', () => ({})],
    [
      'whose metadata is another',
      ({ metadata }) => ({ metadata: text({ ...parsed(metadata), $correlationId: 'another' }) }),
    ],
  ])('%s is damaged: whoever reads it says which one, and stays before it', async (_, change) => {
    const server = await stores.start();
    const failures: Error[] = [];
    const log = await stores.open(server.url, { onFailure: (error) => failures.push(error) });
    const seen: string[] = [];
    log.follow(0, 10, (records) => void seen.push(...idsOf(records)));
    const [stream, other, events] = [freshStream(), freshStream(), someEvents(2)];
    await log.append(stream, noStream, events);
    forge(server, stream, other, change);
    await log.append(stream, 1, someEvents(1));
    await until(() => failures.length > 0);
    expect(failures[0]).toBeInstanceOf(DamagedError);
    expect(failures[0]!.message).toMatch(/record \d+ \(saga-input-.* 0, RetryRequested\) does not match/);
    await expect(log.readStream(other)).rejects.toBeInstanceOf(DamagedError);
    expect(seen).toEqual(idsOf(events));
    expect(idsOf(await log.readAll(0, 10))).toEqual(idsOf(events));
  });

  it('of a version or type that this build does not know is for a newer one', async () => {
    const server = await stores.start();
    const failures: Error[] = [];
    const log = await stores.open(server.url, { onFailure: (error) => failures.push(error) });
    log.follow(0, 10, () => {});
    const stream = freshStream();
    // As an older build of ours meets it: its checksum is right.
    const { encode } = await import('./records.ts');
    const { event } = encode(anEvent(), { stream, revision: 0, version: 99 });
    write(server, stream, {
      type: event.type,
      data: text(event.data),
      metadata: text(event.metadata),
      id: event.id,
    });
    await expect(log.readStream(stream)).rejects.toThrow(UnknownVersionError);
    await expect(log.readAll(0, 10)).rejects.toThrow(
      /is a RetryRequested of version 99: this Recourse does not know it/,
    );
    await until(() => failures.length > 0);
    expect(failures[0]).toBeInstanceOf(UnknownVersionError);
  });

  it('has a time that never decreases, wherever it is read, although the clock of the server is put back', async () => {
    let now = 5_000;
    const server = await stores.start({ now: () => now });
    const log = await stores.open(server.url, { limits: { readEventsMax: 2 } });
    const seen: RecordedEvent[] = [];
    log.follow(0, 1, (records) => void seen.push(...records));
    const stream = freshStream();
    for (const [index, time] of [5_000, 3_000, 4_000, 4_500, 6_000, 2_000].entries()) {
      now = time;
      await log.append(stream, index + noStream, someEvents(1));
    }
    await until(() => seen.length === 6);
    const rising = [5_000, 5_000, 5_000, 5_000, 6_000, 6_000];
    expect(seen.map(({ time }) => time)).toEqual(rising);
    expect((await log.readStream(stream)).map(({ time }) => time)).toEqual(rising);
    const other = await stores.open(server.url, { limits: { readEventsMax: 2 } });
    const read: RecordedEvent[] = [];
    for (let after = 0; read.length < 6; after = read.at(-1)!.position)
      read.push(...(await other.readAll(after, 1)));
    expect(read.map(({ time }) => time)).toEqual(rising);
  });
});

describe('a stream that was cut off', () => {
  it('cannot be read from before that, in either direction', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url, { limits: { readEventsMax: 2 } });
    const stream = freshStream();
    await log.append(stream, noStream, someEvents(5));
    (server.store().stream(stream) as unknown[]).splice(0, 2);
    await expect(log.readStream(stream)).rejects.toThrow(`${stream} 0 is missing: it was cut off`);
    await expect(log.readStream(stream, { direction: 'backwards' })).rejects.toThrow('1 is missing');
    expect(await log.readStream(stream, { from: 2 })).toHaveLength(3);
    expect(await log.readStream(stream, { direction: 'backwards', max: 3 })).toHaveLength(3);
  });
});
