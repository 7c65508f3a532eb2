import { afterEach, describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { freshStream, idsOf, someEvents } from '../../test/contract/event-log/events.ts';
import { eventStores, hasty } from '../../test/eventstore/logs.ts';
import { StartError, UnavailableError } from '../errors.ts';
import { noStream } from '../ports/event-log.ts';

const stores = eventStores();
afterEach(stores.clean);

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

/** How long a promise takes until it has rejected as unavailable, in milliseconds. */
const unavailableAfterMs = async (asked: Promise<unknown>) => {
  const begun = performance.now();
  await expect(asked).rejects.toBeInstanceOf(UnavailableError);
  return performance.now() - begun;
};

describe('an EventStoreDB that is away', () => {
  it('is said to be at once, in problems too, and is there again by itself', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const stream = freshStream();
    await log.append(stream, noStream, someEvents(1));
    await server.goAway();
    expect(await unavailableAfterMs(log.append(stream, 0, someEvents(1)))).toBeLessThan(4_000);
    expect(await unavailableAfterMs(log.readStream(stream))).toBeLessThan(4_000);
    await unavailableAfterMs(log.head());
    await unavailableAfterMs(log.readAll(0, 1));
    expect(log.problems()).toEqual([expect.stringMatching(/^EventStoreDB does not answer: .*ECONN/)]);
    await server.comeBack();
    await until(() => log.problems().length === 0);
    expect(await log.append(stream, 0, someEvents(1))).toMatchObject({ revision: 1 });
  });

  it('while it is opened rejects as unavailable, and can be opened later', async () => {
    const server = await stores.start();
    await server.goAway();
    await expect(stores.open(server.url)).rejects.toBeInstanceOf(UnavailableError);
    await server.comeBack();
    const log = await stores.open(server.url);
    expect(log.problems()).toEqual([]);
  });

  it('because it hangs holds nobody up longer than a call may take, opened or being opened', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url, { limits: hasty });
    const stream = freshStream();
    await log.append(stream, noStream, someEvents(1));
    server.freeze();
    const asked = [
      () => log.append(stream, 0, someEvents(1)),
      () => log.readStream(stream),
      () => log.headOf(stream),
      () => log.readAll(0, 5),
      () => log.head(),
    ];
    for (const ask of asked) expect(await unavailableAfterMs(ask())).toBeLessThan(4_000);
    await expect(stores.open(`${server.url}&connectionName=second`, { limits: hasty })).rejects.toThrow(
      'no answer in 1500 ms',
    );
    server.thaw();
    await until(() => log.problems().length === 0);
    expect(idsOf(await log.readStream(stream))).toHaveLength((await log.headOf(stream)) + 1);
  });

  it('and back again and again costs one new client each time, and no more', async () => {
    const server = await stores.start();
    const lines: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
    const log = await stores.open(server.url, { logger, limits: { probeEveryMs: 10_000 } });
    const replaced = () => lines.filter((line) => line.includes('a new client')).length;
    await server.goAway();
    await Promise.allSettled(
      Array.from({ length: 50 }, () => log.append(freshStream(), noStream, someEvents(1))),
    );
    expect(replaced()).toBe(0);
    for (const nth of [1, 2, 3, 4, 5]) {
      await log.append(freshStream(), noStream, someEvents(1)).catch(() => {});
      expect(replaced()).toBe(nth < 2 ? 0 : nth < 5 ? 1 : 2);
    }
    await server.comeBack();
    await log.append(freshStream(), noStream, someEvents(1));
  });

  it('to appends only, while it answers reads, costs a new client, too: all appends go through one call', async () => {
    const server = await stores.start();
    const lines: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
    const log = await stores.open(server.url, { logger, limits: hasty });
    const replaced = () => lines.some((line) => line.includes('a new client'));
    const stream = freshStream();
    server.faults.append = () => (replaced() ? undefined : 'lose');
    for (const _ of [1, 2, 3]) {
      expect(replaced()).toBe(false);
      await unavailableAfterMs(log.append(stream, noStream, someEvents(1)));
      expect(await log.readStream(stream)).toEqual([]);
    }
    expect(await log.append(stream, noStream, someEvents(1))).toMatchObject({ revision: 0 });
    expect(replaced()).toBe(true);
  });
});

describe('an EventStoreDB that refuses us', () => {
  it('is an error at start that says what to look at, and nothing secret', async () => {
    const server = await stores.start();
    server.faults.refusedReads = 'access-denied';
    const url = server.url.replace('esdb://', 'esdb://recourse:c4n4ry@');
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
    const refused = await stores.open(url, { logger }).catch((error) => error);
    expect(refused).toBeInstanceOf(StartError);
    expect(refused.message).toContain('Check the name and the password in EVENTSTORE_URL');
    expect(JSON.stringify([lines, refused.message, refused.stack])).not.toContain('c4n4ry');
  });

  it('while it runs is unavailable, and a problem that says why', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    server.faults.refusedReads = 'access-denied';
    await expect(log.head()).rejects.toThrow('access denied');
    expect(log.problems()[0]).toContain('access-denied');
    server.faults.refusedReads = undefined;
    await until(() => log.problems().length === 0);
  });
});

describe('the logs of one process', () => {
  it('share one client, which is closed with the last of them', async () => {
    const server = await stores.start();
    const [one, other] = [await stores.open(server.url), await stores.open(server.url)];
    await Promise.all([one, other].map((log) => log.append(freshStream(), noStream, someEvents(1))));
    expect(server.connections()).toBe(1);
    server.faults.append = () => 'break';
    const broken = [one, other].map((log) => log.append(freshStream(), noStream, someEvents(1)));
    await Promise.all(broken.map(unavailableAfterMs));
    server.faults.append = () => undefined;
    await one.close();
    await expect(one.append(freshStream(), noStream, someEvents(1))).rejects.toThrow('the log is closed');
    expect(await other.append(freshStream(), noStream, someEvents(1))).toMatchObject({ revision: 0 });
    await other.close();
    await until(() => server.connections() === 0);
  });
});

describe('a cluster', () => {
  it('is asked for its leader', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url.replace('esdb:', 'kurrentdb+discover:'));
    expect(await log.append(freshStream(), noStream, someEvents(1))).toMatchObject({ revision: 0 });
    const several = `esdb://127.0.0.1:1,127.0.0.1:${server.port}?tls=false`;
    const other = await stores.open(several);
    expect(await other.head()).toBe(await log.head());
  });
});
