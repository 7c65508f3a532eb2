import { randomUUID } from 'node:crypto';
import { EventStoreDBClient, excludeSystemEvents, jsonEvent } from '@eventstore/db-client';
import { afterAll, beforeAll, expect, it } from '@jest/globals';

/** Events with fresh ids. */
const events = (count: number) =>
  Array.from({ length: count }, (_, index) => jsonEvent({ type: 'Tried', data: { index } }));

const freshName = () => `tried-${randomUUID()}`;

const revisionsOf = async (read: AsyncIterable<{ event?: { revision: bigint } | undefined }>) => {
  const revisions: number[] = [];
  for await (const { event } of read) revisions.push(Number(event!.revision));
  return revisions;
};

/**
 * What a server answers its own client, row by row as it was seen of a real one: what the log relies on, and what it
 * avoids. Each test has streams of its own, so a real server can be asked.
 */
export const serverTable = (url: () => string): void => {
  let client: EventStoreDBClient;
  beforeAll(() => {
    client = EventStoreDBClient.connectionString(url());
  });
  afterAll(() => client.dispose());

  const append = (name: string, some: ReturnType<typeof events>, expected: bigint | 'no_stream') =>
    client.appendToStream(name, some, { expectedRevision: expected });
  /** A stream of three events, and what was answered. */
  const three = async () => {
    const name = freshName();
    const some = events(3);
    return { name, some, stored: await append(name, some, 'no_stream') };
  };
  const wrong = (name: string, actualVersion: bigint | 'no_stream') => ({
    type: 'wrong-expected-version',
    streamName: name,
    actualVersion,
    message: '',
    code: undefined,
  });

  it('says of an append the revision and the position of its last event', async () => {
    const { name, stored } = await three();
    const last = client.readStream(name, { direction: 'backwards', fromRevision: 'end', maxCount: 1 });
    for await (const { event } of last) {
      expect(stored).toEqual({ success: true, nextExpectedRevision: 2n, position: event!.position });
      expect(event!.position!.commit).toBe(event!.position!.prepare);
    }
  });

  it('refuses an append to another revision, and says which is there', async () => {
    const { name } = await three();
    await expect(append(name, events(1), 0n)).rejects.toMatchObject(wrong(name, 2n));
    await expect(append(name, events(1), 5n)).rejects.toMatchObject(wrong(name, 2n));
    await expect(append(name, events(1), 'no_stream')).rejects.toMatchObject(wrong(name, 2n));
    const none = freshName();
    await expect(append(none, events(1), 0n)).rejects.toMatchObject(wrong(none, 'no_stream'));
  });

  it('answers the same ids at the same revision with the original place, also a prefix, whatever they hold', async () => {
    const { name, some, stored } = await three();
    await append(name, events(2), 2n);
    expect(await append(name, some, 'no_stream')).toEqual(stored);
    expect(await append(name, some.slice(0, 2), 'no_stream')).toMatchObject({ nextExpectedRevision: 1n });
    const others = some.map((it) => ({ ...it, data: { index: 9 } }));
    expect(await append(name, others, 'no_stream')).toEqual(stored);
    expect(await revisionsOf(client.readStream(name))).toEqual([0, 1, 2, 3, 4]);
  });

  it('refuses the same ids at another revision that is passed, and a mixture of old and new ones', async () => {
    const { name, some } = await three();
    await expect(append(name, some, 0n)).rejects.toMatchObject(wrong(name, 2n));
    await expect(append(name, [...some, ...events(1)], 'no_stream')).rejects.toMatchObject(wrong(name, 2n));
  });

  it('writes the same ids again where the revision is the present one', async () => {
    const { name, some } = await three();
    expect(await append(name, some, 2n)).toMatchObject({ success: true, nextExpectedRevision: 5n });
  });

  it('says of an append of nothing that all is well', async () => {
    const { name } = await three();
    expect(await append(name, [], 2n)).toMatchObject({ success: true });
    expect(await revisionsOf(client.readStream(name))).toEqual([0, 1, 2]);
  });

  it('refuses an append of more than a mebibyte', async () => {
    const big = jsonEvent({ type: 'Tried', data: { text: 'x'.repeat(1024 * 1024) } });
    await expect(append(freshName(), [big] as never, 'no_stream')).rejects.toMatchObject({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: 1024 * 1024,
    });
  });

  it('goes on numbering a stream that was deleted, and refuses one that was deleted for ever', async () => {
    const { name } = await three();
    await client.deleteStream(name);
    await expect(revisionsOf(client.readStream(name))).rejects.toMatchObject({ type: 'stream-not-found' });
    expect(await append(name, events(1), 'no_stream')).toMatchObject({ nextExpectedRevision: 3n });
    await client.tombstoneStream(name);
    await expect(append(name, events(1), 3n)).rejects.toMatchObject({ type: 'stream-deleted' });
    await expect(revisionsOf(client.readStream(name))).rejects.toMatchObject({ type: 'stream-deleted' });
  });

  it('reads a stream from a revision on with it, past its end nothing, and refuses to read none', async () => {
    const { name } = await three();
    expect(await revisionsOf(client.readStream(name, { fromRevision: 1n }))).toEqual([1, 2]);
    expect(await revisionsOf(client.readStream(name, { fromRevision: 7n }))).toEqual([]);
    await expect(revisionsOf(client.readStream(name, { maxCount: 0 }))).rejects.toThrow();
    await expect(revisionsOf(client.readStream(freshName()))).rejects.toMatchObject({
      type: 'stream-not-found',
    });
  });

  it('reads all forwards with the event at the position, and shows its own events, filter or not', async () => {
    const { name, stored } = await three();
    const fromPosition = stored.position!;
    const found: string[] = [];
    for await (const { event } of client.readAll({ fromPosition, maxCount: 1 })) found.push(event!.streamId);
    expect(found).toEqual([name]);
    const filter = { filter: excludeSystemEvents() };
    const types: string[] = [];
    for await (const { event } of client.readAll({ ...filter, maxCount: 20 })) types.push(event!.type);
    expect(types.some((type) => type.startsWith('$'))).toBe(true);
  });

  it('tells who has subscribed what comes after a position, without what is its own', async () => {
    const { name, stored } = await three();
    const subscription = client.subscribeToAll({
      fromPosition: stored.position!,
      filter: excludeSystemEvents(),
    });
    subscription.on('error', () => {});
    const heard: string[] = [];
    const both = new Promise<void>((resolve) => {
      subscription.on('data', ({ event }) => {
        heard.push(`${event!.streamId} ${event!.revision}`);
        if (heard.length === 2) resolve();
      });
    });
    await append(name, events(2), 2n);
    await both;
    expect(heard).toEqual([`${name} 3`, `${name} 4`]);
    await subscription.unsubscribe();
  });
};
