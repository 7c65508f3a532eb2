import { randomUUID } from 'node:crypto';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type FakeEventStore, startEventStore } from '../../test/eventstore/server.ts';

/** As in `serverTable`, the rows that a server is needed for that can be harmed. */
describe('a server of our own, as a real one was seen', () => {
  let server: FakeEventStore;
  let client: EventStoreDBClient;
  beforeEach(async () => {
    server = await startEventStore();
    client = EventStoreDBClient.connectionString(`${server.url}`);
  });
  afterEach(async () => {
    await client.dispose();
    await server.stop();
  });
  const events = (count: number) =>
    Array.from({ length: count }, () => jsonEvent({ type: 'Tried', data: { some: 'data' } }));
  const name = `tried-${randomUUID()}`;
  const append = (some: ReturnType<typeof events>, expectedRevision: 'any' | 'no_stream' | bigint) =>
    client.appendToStream(name, some, { expectedRevision });
  const restart = async () => {
    await server.goAway();
    await server.comeBack();
    // The client notices with its first call.
    await append([], 'any').catch(() => {});
  };

  it('knows a repeat at a revision after a restart, and does not know one at any', async () => {
    const some = events(2);
    const stored = await append(some, 'no_stream');
    expect(await append(some, 'any')).toEqual(stored);
    await restart();
    expect(await append(some, 'no_stream')).toEqual(stored);
    await restart();
    expect(await append(some, 'any')).toMatchObject({ nextExpectedRevision: 3n });
  });

  it('stores what is appended twice at once one time, and tells the other that it timed out', async () => {
    server.faults.commitMs = 200;
    const some = events(2);
    const both = await Promise.allSettled([append(some, 'no_stream'), append(some, 'no_stream')]);
    // In which order they arrive the client does not promise.
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { type: 'deadline-exceeded' },
    });
    expect(server.store().stream(name)).toHaveLength(2);
  });

  it('that is down is an error without a type, of code 14', async () => {
    await server.goAway();
    const error = await append(events(1), 'no_stream').catch((it) => it);
    expect(error).toMatchObject({ code: 14 });
    expect(error.type).toBeUndefined();
  });

  it('that goes down in the midst of an append is unavailable, and its outcome unknown', async () => {
    await append(events(1), 'no_stream');
    server.faults.append = () => 'late';
    const asked = append(events(1), 0n).catch((it) => it);
    while ((server.store().stream(name) ?? []).length < 2)
      await new Promise((resolve) => setImmediate(resolve));
    await server.goAway();
    expect(await asked).toMatchObject({ type: 'unavailable', code: 14 });
  });

  it('breaks a subscription with an error, and never goes on with it', async () => {
    const subscription = client.subscribeToAll();
    const error = new Promise((resolve) => subscription.on('error', resolve));
    subscription.on('data', () => {});
    await new Promise((resolve) => subscription.on('confirmation', resolve));
    await server.goAway();
    expect(await error).toMatchObject({ type: 'unavailable', code: 14 });
    await server.comeBack();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.subscriptions()).toBe(0);
  });

  it('comes back with nothing where it kept nothing', async () => {
    await append(events(1), 'no_stream');
    await server.goAway();
    await server.comeBack({ keeps: false });
    await append([], 'any').catch(() => {});
    expect(await append(events(1), 'no_stream')).toMatchObject({ nextExpectedRevision: 0n });
  });
});
