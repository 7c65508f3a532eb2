import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { pino } from 'pino';
import { aWhile, newKey, numberOf, publisher, until, witness } from '../../test/contract/broker-fixture.ts';
import { virtualClock } from '../../test/virtual-clock.ts';
import { UnavailableError, UnknownVersionError } from '../errors.ts';
import { openSqliteLog, type SqliteLog } from '../log/sqlite-log.ts';
import type { Broker, Message } from '../ports/broker.ts';
import type { EventLog } from '../ports/event-log.ts';
import { systemClock } from '../system.ts';
import { type EmbeddedBrokerOptions, openEmbeddedBroker } from './embedded-broker.ts';

const logger = pino({ level: 'silent' });
const topics = ['payment.events'] as const;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe('the embedded broker', () => {
  let folder: string;
  let log: SqliteLog;
  let publish: ReturnType<typeof publisher>;
  const opened: Broker[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recourse-broker-'));
    log = openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock });
    publish = publisher(log);
  });
  afterEach(async () => {
    for (const broker of opened.splice(0)) await broker.close();
    await log.close();
    await rm(folder, { recursive: true, force: true });
  });

  const file = (name = 'delivery') => join(folder, `${name}.db`);
  const open = async (options: Partial<EmbeddedBrokerOptions> = {}) => {
    const broker = await openEmbeddedBroker({
      log,
      path: file(),
      clock: systemClock,
      logger,
      quickRetries: 0,
      retryDelaysMs: [],
      checkpointEveryMs: 20,
      shutdownMsMax: 100,
      ...options,
    });
    opened.push(broker);
    return broker;
  };
  /** What a crash at this moment would leave on the disk, as the file of another broker. */
  const crash = async (): Promise<string> => {
    for (const end of ['', '-wal']) await copyFile(`${file()}${end}`, `${file('crashed')}${end}`);
    return file('crashed');
  };
  const stored = (path = file()) => {
    const db = new DatabaseSync(path, { readOnly: true });
    const checkpoint = db.prepare('select position from checkpoint').get()?.position ?? 0;
    const parked = db.prepare('select state from parked order by position').all();
    db.close();
    return { checkpoint, parked: parked.map(({ state }) => state) };
  };
  const failsOn = (number: number) => (message: Message) => {
    if (numberOf(message) === number) throw new Error('never');
  };

  it('parks a message and moves its checkpoint past it in one transaction', async () => {
    const key = newKey();
    const group = witness('group', topics, failsOn(0));
    (await open({ checkpointEveryMs: 150 })).consume(group.consumer);
    await publish(key, 'payment.events', 0, 1);
    await until(() => group.seen.length === 1);
    expect(stored()).toEqual({ checkpoint: 0, parked: [] });
    await until(() => stored().parked.length > 0);
    expect(stored()).toEqual({ checkpoint: 2, parked: ['dead', 'behind'] });
  });

  it('after a crash does not handle what is parked, though its checkpoint stands below it', async () => {
    const [slow, bad] = [newKey(), newKey()];
    const group = witness('group', topics, (message) => {
      if (message.key === slow) return new Promise<void>(() => {});
      return failsOn(0)(message);
    });
    (await open()).consume(group.consumer);
    await publish(slow, 'payment.events', 9);
    await publish(bad, 'payment.events', 0, 1);
    await until(() => stored().parked.length === 2);
    expect(stored().checkpoint).toBe(0);
    const again = witness('group', topics);
    const broker = await open({ path: await crash() });
    broker.consume(again.consumer);
    await publish(bad, 'payment.events', 2);
    await until(() => again.numbers(slow).length === 1);
    await aWhile();
    expect(again.numbers(bad)).toEqual([]);
    expect(await broker.deadLetters.counts()).toEqual({ waiting: 2, dead: 1 });
    const [dead] = await broker.deadLetters.list({ max: 1 });
    await broker.deadLetters.redrive(dead!.id);
    await until(() => again.numbers(bad).length === 3);
    expect(again.numbers(bad)).toEqual([0, 1, 2]);
  });

  it('after a crash handles nothing that was discarded, though its checkpoint stands below it', async () => {
    const [slow, bad] = [newKey(), newKey()];
    const group = witness('group', topics, (message) => {
      if (message.key === slow) return new Promise<void>(() => {});
      return failsOn(0)(message);
    });
    const broker = await open();
    broker.consume(group.consumer);
    await publish(slow, 'payment.events', 9);
    await publish(bad, 'payment.events', 0);
    await until(async () => (await broker.deadLetters.counts()).dead === 1);
    const [dead] = await broker.deadLetters.list({ max: 1 });
    await broker.deadLetters.discard(dead!.id, 'sent by mistake', 'ann');
    const again = witness('group', topics);
    const path = await crash();
    (await open({ path })).consume(again.consumer);
    await publish(bad, 'payment.events', 1);
    await until(() => again.handled.length === 2);
    expect([again.numbers(slow), again.numbers(bad)]).toEqual([[9], [1]]);
    const db = new DatabaseSync(path, { readOnly: true });
    const [kept] = db.prepare('select note, discarded_by, message from discarded').all();
    db.close();
    expect(kept).toMatchObject({ note: 'sent by mistake', discarded_by: 'ann' });
    expect(JSON.parse(String(kept!.message))).toEqual(dead!.message);
  });

  it('after a crash handles nothing that is discarded before it is read again', async () => {
    const [slow, bad] = [newKey(), newKey()];
    const hangs = () => new Promise<void>(() => {});
    const group = witness('group', topics, (message) =>
      message.key === slow ? hangs() : failsOn(0)(message),
    );
    (await open()).consume(group.consumer);
    await publish(slow, 'payment.events', 9);
    await publish(bad, 'payment.events', 0, 1);
    await until(() => stored().parked.length === 2);
    expect(stored().checkpoint).toBe(0);
    const done = Promise.withResolvers<void>();
    const again = witness('group', topics, (message) => (message.key === slow ? done.promise : undefined));
    const broker = await open({ path: await crash(), inHandMax: 1 });
    broker.consume(again.consumer);
    await until(() => again.seen.some(({ key }) => key === slow));
    const [dead] = await broker.deadLetters.list({ max: 1 });
    await broker.deadLetters.discard(dead!.id, 'sent by mistake', 'ann');
    await until(() => again.numbers(bad).length === 1);
    done.resolve();
    await publish(bad, 'payment.events', 2);
    await until(() => again.numbers(bad).includes(2));
    // What was behind it is read again, too, and is a repeat.
    expect([...new Set(again.numbers(bad))]).toEqual([1, 2]);
  });

  it('takes up waiting messages before the first of its group, and tries them when they are due', async () => {
    const clock = virtualClock();
    const bad = newKey();
    const group = witness('group', topics, failsOn(0));
    const broker = await open({ clock, retryDelaysMs: [60_000] });
    broker.consume(group.consumer);
    await publish(bad, 'payment.events', 0, 1);
    for (let turns = 0; turns < 50 && (await broker.deadLetters.counts()).waiting < 2; turns += 1)
      await clock.advance(10);
    await clock.advance(1_000);
    await broker.close();
    await publish(bad, 'payment.events', 2);
    const again = witness('group', topics);
    const next = await open({ clock, retryDelaysMs: [60_000] });
    next.consume(again.consumer);
    await clock.advance(50_000);
    expect(again.seen).toEqual([]);
    await clock.advance(10_000);
    for (let turns = 0; turns < 50 && again.handled.length < 3; turns += 1) await clock.advance(1);
    expect(again.numbers(bad)).toEqual([0, 1, 2]);
  });

  it('refuses a checkpoint beyond the end of the log, and names what helps', async () => {
    const group = witness('group', topics);
    const broker = await open();
    broker.consume(group.consumer);
    await publish(newKey(), 'payment.events', 0, 1, 2);
    await until(() => group.handled.length === 3);
    await broker.close();
    const shorter = openSqliteLog({ path: file('shorter-log'), clock: systemClock });
    const refused = open({ log: shorter });
    await expect(refused).rejects.toMatchObject({ name: 'StartError', code: 'checkpoint-beyond-log' });
    await expect(refused).rejects.toThrow(
      /the checkpoint of group is at record 3, and log\.db ends at record 0\. .+ from one backup\. Or, .+, delete /,
    );
    await shorter.close();
  });

  it('refuses a file that a newer version wrote, and one that it cannot open', async () => {
    const db = new DatabaseSync(file('newer'));
    db.exec('pragma user_version = 99');
    db.close();
    await expect(open({ path: file('newer') })).rejects.toMatchObject({ code: 'newer-data' });
    await expect(open({ path: join(folder, 'no', 'such', 'folder.db') })).rejects.toMatchObject({
      code: 'delivery-store',
    });
  });

  it('lets a slow group read on by itself, holds nobody up, and takes it back when it has caught up', async () => {
    let followers = 0;
    let most = 0;
    const follow: EventLog['follow'] = (...args) => {
      const subscription = log.follow(...args);
      followers += 1;
      most = Math.max(most, followers);
      return {
        close: () => {
          followers -= 1;
          return subscription.close();
        },
      };
    };
    let slow = true;
    const lagging = witness('lagging', topics, async () => {
      if (slow) await new Promise((resolve) => setTimeout(resolve, 1));
    });
    const quick = witness('quick', topics);
    const broker = await open({ log: { ...log, follow }, inHandMax: 20 });
    for (const { consumer } of [lagging, quick]) broker.consume(consumer);
    const keys = range(0, 30).map(newKey);
    for (const number of range(0, 20)) {
      await Promise.all(keys.map((key) => publish(key, 'payment.events', number)));
    }
    await until(() => quick.handled.length === 600);
    slow = false;
    await until(() => lagging.handled.length === 600);
    await until(() => followers === 1);
    expect(most).toBeGreaterThan(1);
    for (const key of keys) await publish(key, 'payment.events', 20);
    await until(() => lagging.handled.length === 630 && quick.handled.length === 630);
    for (const key of keys) {
      expect(lagging.numbers(key)).toEqual(range(0, 21));
      expect(quick.numbers(key)).toEqual(range(0, 21));
    }
    expect(followers).toBe(1);
  });

  it('stops a group that meets a version it does not know: nothing is acknowledged, nothing is parked', async () => {
    const [bad, good] = [newKey(), newKey()];
    const fatal: UnknownVersionError[] = [];
    const group = witness('group', topics, (message) => {
      if (message.key === bad) throw new UnknownVersionError('written by a newer version');
    });
    const broker = await open({ onFatal: (error) => fatal.push(error) });
    broker.consume(group.consumer);
    await publish(good, 'payment.events', 0);
    await until(() => stored().checkpoint === 1);
    await publish(bad, 'payment.events', 0);
    await until(() => fatal.length === 1);
    await publish(good, 'payment.events', 1);
    await aWhile();
    expect(group.numbers(good)).toEqual([0]);
    await broker.close();
    expect(stored()).toEqual({ checkpoint: 1, parked: [] });
  });

  it('stops all groups at a record that it does not know, and not before', async () => {
    const key = newKey();
    const fatal: UnknownVersionError[] = [];
    const group = witness('group', topics);
    const newer: EventLog['follow'] = (after, max, onRecords) =>
      log.follow(after, max, (records) =>
        onRecords(records.map((it) => (it.revision < 2 ? it : { ...it, version: it.version + 1 }))),
      );
    const broker = await open({ log: { ...log, follow: newer }, onFatal: (error) => fatal.push(error) });
    broker.consume(group.consumer);
    await publish(key, 'payment.events', 0, 1);
    await until(() => group.handled.length === 2);
    await publish(key, 'payment.events', 2, 3);
    await until(() => fatal.length === 1);
    await publish(newKey(), 'payment.events', 0);
    await aWhile();
    expect(group.handled.map(numberOf)).toEqual([0, 1]);
    expect(fatal[0]!.message).toContain('PaymentProcessed version 2');
    await broker.close();
    expect(stored()).toEqual({ checkpoint: 2, parked: [] });
  });

  it('keeps what it could not write, and writes it when the disk takes it again', async () => {
    const bad = newKey();
    const group = witness('group', topics, failsOn(0));
    const broker = await open();
    broker.consume(group.consumer);
    const other = new DatabaseSync(file());
    other.exec('begin immediate');
    await publish(bad, 'payment.events', 0, 1);
    await until(async () => (await broker.deadLetters.counts()).dead === 1);
    await expect(broker.deadLetters.list({ max: 1 })).rejects.toBeInstanceOf(UnavailableError);
    expect(stored()).toEqual({ checkpoint: 0, parked: [] });
    other.exec('rollback');
    other.close();
    await until(() => stored().parked.length === 2);
    expect(stored().checkpoint).toBe(2);
  });

  it('stops at its place when too many messages are parked, and goes on when they are not', async () => {
    const keys = range(0, 10).map(newKey);
    let broken = true;
    const group = witness('group', topics, () => {
      if (broken) throw new Error('everything fails');
    });
    const broker = await open({ parkedMax: 4, inHandMax: 2 });
    broker.consume(group.consumer);
    for (const key of keys) await publish(key, 'payment.events', 0);
    await until(async () => (await broker.deadLetters.counts()).dead >= 4);
    await aWhile();
    expect((await broker.deadLetters.counts()).dead).toBeLessThanOrEqual(5);
    expect(broker.problems()).toEqual([expect.stringMatching(/^group: .* dead letters/)]);
    broken = false;
    for (const { id } of await broker.deadLetters.list({ max: 10 })) await broker.deadLetters.redrive(id);
    await until(() => group.handled.length === 10);
    expect(broker.problems()).toEqual([]);
    expect(group.handled.map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
  });

  it("gives a saga's own events and those of its order to one group in the order of the log", async () => {
    const key = newKey();
    const group = witness('group', ['payment.events', 'shipping.events', 'saga.inputs']);
    (await open()).consume(group.consumer);
    await publish(key, 'payment.events', 0);
    await publish(key, 'shipping.events', 1);
    const retry = { type: 'RetryRequested' as const, data: {}, correlation: key, causation: key };
    await log.append(orderStream('saga-input', key), -1, [{ ...retry, id: newKey() as string as EventId }]);
    await until(() => group.handled.length === 3);
    expect(group.handled.map(({ position }) => position)).toEqual([1, 2, 3]);
  });
});
