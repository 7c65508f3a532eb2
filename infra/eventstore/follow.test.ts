import { afterEach, describe, expect, it } from '@jest/globals';
import { freshStream, idsOf, someEvents, until } from '../../test/contract/event-log/events.ts';
import { eventStores, hasty } from '../../test/eventstore/logs.ts';
import type { FakeEventStore } from '../../test/eventstore/server.ts';
import { noStream } from '../ports/event-log.ts';
import type { EventStoreLog } from './log.ts';

const stores = eventStores();
afterEach(stores.clean);

/** Appends until it is done, whatever happens meanwhile; gives the ids. */
const appendSome = async (log: EventStoreLog, count: number): Promise<string[]> => {
  const events = someEvents(count);
  const stream = freshStream();
  for (const [index, event] of events.entries()) {
    let stored = false;
    while (!stored)
      stored = await log.append(stream, index + noStream, [event]).then(
        () => true,
        () => false,
      );
  }
  return idsOf(events);
};

describe('a follower of a log on EventStoreDB', () => {
  it.each<[string, (server: FakeEventStore) => Promise<void> | void]>([
    ['its subscription breaks', (server) => server.breakSubscriptions()],
    ['its subscription falls silent', (server) => server.silenceSubscriptions()],
    ['every connection breaks', (server) => server.cut()],
    [
      'the server is started again',
      async (server) => {
        await server.goAway();
        await new Promise((resolve) => setTimeout(resolve, 50));
        await server.comeBack();
      },
    ],
    [
      'the server hangs until the client is given up',
      async (server) => {
        server.freeze();
        await new Promise((resolve) => setTimeout(resolve, 5_500));
        server.thaw();
      },
    ],
    [
      'a subscription is never begun',
      async (server) => {
        server.faults.silentReads = true;
        server.breakSubscriptions();
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        server.faults.silentReads = false;
      },
    ],
  ])('sees every record once and in order, although %s', async (what, harm) => {
    const server = await stores.start();
    // Only where nothing else shows that it is dead is the end of the log looked at.
    const lookEveryMs = what.includes('silent') ? 100 : 60_000;
    const log = await stores.open(server.url, {
      limits: { lookEveryMs, ...(what.includes('server hangs') || what.includes('never') ? hasty : {}) },
    });
    const seen: string[] = [];
    log.follow(0, 5, (records) => void seen.push(...idsOf(records)));
    const ids = await appendSome(log, 10);
    await until(() => seen.length === 10);
    const harmed = harm(server);
    ids.push(...(await appendSome(log, 10)));
    await harmed;
    ids.push(...(await appendSome(log, 10)));
    await until(() => seen.length >= 30);
    expect(seen).toEqual(ids);
  });

  it('shares one subscription with all others of the process, begun when the first one comes', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    await appendSome(log, 3);
    expect(server.subscriptions()).toBe(0);
    const seen: string[][] = [[], [], []];
    for (const [index, own] of seen.entries())
      log.follow(0, index + 1, (records) => void own.push(...idsOf(records)));
    await until(() => seen.every((own) => own.length === 3));
    const ids = await appendSome(log, 3);
    await until(() => seen.every((own) => own.length === 6));
    expect(seen.map((own) => own.slice(3))).toEqual([ids, ids, ids]);
    expect(server.subscriptions()).toBe(1);
  });

  it('that lags reads for itself, and holds nobody up', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url, { limits: { recentMax: 5 } });
    const quick: string[] = [];
    const slow: string[] = [];
    let letGo = () => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    log.follow(0, 100, (records) => void quick.push(...idsOf(records)));
    log.follow(0, 4, async (records) => {
      slow.push(...idsOf(records));
      await gate;
    });
    const ids = await appendSome(log, 40);
    await until(() => quick.length === 40);
    expect(slow.length).toBeLessThanOrEqual(4);
    letGo();
    await until(() => slow.length === 40);
    expect([quick, slow]).toEqual([ids, ids]);
  });

  it('is told where the log has lost its end', async () => {
    const server = await stores.start();
    const failures: string[] = [];
    const log = await stores.open(server.url, { onFailure: ({ message }) => failures.push(message) });
    const first = await log.append(freshStream(), noStream, someEvents(1));
    let seen = 0;
    log.follow(0, 10, (records) => {
      seen += records.length;
    });
    const last = await log.append(freshStream(), noStream, someEvents(1));
    await until(() => seen === 2);
    server.faults.hiddenFrom = last.position;
    await until(() => failures.length > 0);
    expect(failures[0]).toContain(
      `records after position ${first.position} are missing, up to ${last.position}`,
    );
  });
});
