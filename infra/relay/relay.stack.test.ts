import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { publisher as appender, newKey, sagaAdvanced, until } from '../../test/contract/broker-fixture.ts';
import {
  describeOnStack,
  type FreshDatabase,
  freshDatabase,
  freshPrefix,
  silent,
  stack,
} from '../../test/stack/kit.ts';
import { watchStandstill } from '../../test/stack/standstill.ts';
import { UnavailableError, UnknownVersionError } from '../errors.ts';
import { type KafkaSettings, kafkaClient } from '../kafka/client.ts';
import { hashOf } from '../kafka/partition.ts';
import { openPublisher, type Publisher } from '../kafka/publisher.ts';
import { firstsByKey, type Lying, readTopics } from '../kafka/testing/read-topics.ts';
import { lookAtTopics, topicNames } from '../kafka/topics.ts';
import { temporaryLogs } from '../log/testing/temporary.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { Lease, Leases } from '../ports/leases.ts';
import type { Postgres } from '../postgres/connect.ts';
import { LeaseLostError, openLeases } from '../postgres/leases.ts';
import { systemClock } from '../system.ts';
import { relayCheckpoints } from './checkpoints.ts';
import { openRelay, type Relay } from './relay.ts';
import { countBetween, placesOf, republishAfter } from './republish.ts';
import { pausableClock } from './testing/pausable.ts';

const kafka: KafkaSettings = { brokers: stack.kafkaBrokers, clientId: 'test' };
const shards = 4;

const insertRows = `
insert into relay_checkpoint
select $1, ordinality - 1, position from unnest($2::bigint[]) with ordinality as t (position)`;

/** A relay as a process of its own would run it. */
type Process = {
  readonly relay: Relay;
  /** The leases that it has got, the last one of each shard. */
  readonly got: Map<string, Lease>;
  readonly fatal: Error[];
  /** How often it has begun with a shard. */
  begun(): number;
  /** What it sends no longer arrives, and nobody tells it; until it reaches Kafka again. */
  cutFromKafka(): void;
  reachKafka(): void;
  /** It reaches nothing any more, and sends nothing: as if it had been killed. */
  kill(): void;
  pause(): void;
  goOn(): void;
};

describeOnStack('the relay', () => {
  const logs = temporaryLogs();
  let database: FreshDatabase;
  const prefix = freshPrefix();
  let keys: readonly OrderId[];
  let log: EventLog;
  let append: ReturnType<typeof appender>;
  let running: Process[] = [];
  let publishers: Publisher[] = [];

  beforeAll(async () => {
    database = await freshDatabase();
    await lookAtTopics({ kafka, prefix, partitions: 2, replicationFactor: 1, logger: silent, create: true });
  });
  afterEach(async () => {
    await Promise.all(running.map(({ relay }) => relay.close()));
    await Promise.all(publishers.map((publisher) => publisher.close()));
    running = [];
    publishers = [];
    await logs.clean();
  });
  afterAll(async () => {
    await database.drop();
    const admin = kafkaClient(kafka, silent).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [...topicNames(prefix)] });
    await admin.disconnect();
  });

  /** An empty log, and orders of which nothing lies in the topics. */
  const anew = async () => {
    keys = Array.from({ length: 24 }, newKey);
    await database.postgres.query('truncate relay_checkpoint');
    log = logs.open(logs.path());
    append = appender(log);
  };

  /** `ackLateMs`: by how much later it hears what was acknowledged. */
  const start = ({ of = log, count = shards, ackLateMs = 0, silentMsMax = 10_000 } = {}): Process => {
    const process = pausableClock(systemClock);
    const { clock } = process;
    const { postgres } = database;
    let killed = false;
    let cut = false;
    let begun = 0;
    let held: (() => void)[] = [];
    const hold = () => new Promise<void>((resolve) => held.push(resolve));
    const letGo = () => {
      for (const go of held) go();
      held = [];
    };
    const alive: Postgres = {
      ...postgres,
      query: async (text, values) => {
        if (killed) throw new UnavailableError('killed');
        return postgres.query(text, values);
      },
      transaction: async (run, isolation) => {
        if (killed) throw new UnavailableError('killed');
        return postgres.transaction(run, isolation);
      },
    };
    const real = openPublisher({ kafka, prefix, clock, logger: silent });
    publishers.push(real);
    const got = new Map<string, Lease>();
    const leases: Leases = {
      compete: (kind, pieces, begin, able) => {
        const beginning = (lease: Lease) => {
          got.set(lease.piece, lease);
          begun += 1;
          return begin(lease);
        };
        return openLeases({ postgres: alive, clock, logger: silent }).compete(kind, pieces, beginning, able);
      },
    };
    const fatal: Error[] = [];
    const relay = openRelay({
      log: of,
      leases,
      postgres: alive,
      shards: count,
      clock,
      logger: silent,
      silentMsMax,
      onFatal: (error) => fatal.push(error),
      publisher: {
        problems: real.problems,
        send: async (messages, isStale) => {
          if (killed) await new Promise(() => {});
          if (cut || process.isPaused()) await hold();
          await real.send(messages, isStale);
          if (ackLateMs > 0) await new Promise((resolve) => setTimeout(resolve, ackLateMs));
        },
      },
    });
    const it: Process = {
      relay,
      got,
      fatal,
      pause: process.pause,
      goOn: () => {
        process.goOn();
        letGo();
      },
      begun: () => begun,
      cutFromKafka: () => {
        cut = true;
      },
      reachKafka: () => {
        cut = false;
        letGo();
      },
      kill: () => {
        killed = true;
      },
    };
    running.push(it);
    return it;
  };

  const shardOf = (key: string, of = shards) => hashOf(key) % of;
  let next = 0;
  /** What was appended, by topic and key, in order. */
  const appended = new Map<string, number[]>();
  const appendSome = async (rounds = 5) => {
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(
        keys.map((key) => {
          next += 1;
          return append(key, next % 2 === 0 ? 'payment.events' : 'shipping.events', next);
        }),
      );
    }
  };
  const published = async (relay: Relay) =>
    until(
      async () => (await relay.lag()) === 0,
      () => 'its lag to be 0',
    );
  const lie = async (topics = ['payment.events', 'shipping.events'], also: readonly OrderId[] = []) => {
    const mine = new Set<string>([...keys, ...also]);
    return (await readTopics(kafka, prefix, topics, silent)).filter(({ key }) => mine.has(key));
  };
  const positionsOf = (messages: readonly Lying[]) => messages.map(({ position }) => position);

  /** Everything in the log that is published lies there, for each topic and key first in the order of the log. */
  const expectComplete = async (lying: readonly Lying[]) => {
    appended.clear();
    for (const { position, type, correlation } of await log.readAll(0, 100_000)) {
      const of = `${type === 'OrderShipped' ? 'shipping' : 'payment'}.events ${correlation}`;
      appended.set(of, [...(appended.get(of) ?? []), position]);
    }
    const firsts = firstsByKey(lying);
    expect(firsts.size).toBe(appended.size);
    for (const [of, positions] of appended) expect(positionsOf(firsts.get(of)!)).toEqual(positions);
  };

  it('publishes every record that has a topic and every command, once and in order, and goes on where it was', async () => {
    await anew();
    await appendSome();
    const first = start();
    await appendSome();
    await published(first.relay);
    expect(first.relay.problems()).toEqual([]);
    await first.relay.close();
    const second = start();
    await appendSome();
    const key = newKey();
    await log.append(orderStream('saga', key), -1, [sagaAdvanced(key)]);
    await published(second.relay);
    const topics = [
      'payment.events',
      'shipping.events',
      'saga.events',
      'payment.commands',
      'shipping.commands',
    ];
    const lying = await lie(topics, [key]);
    const others = lying.filter((it) => it.key === key).map(({ topic, type }) => `${topic} ${type}`);
    expect(others.toSorted()).toEqual([
      'payment.commands ProcessPayment',
      'saga.events SagaAdvanced',
      'shipping.commands ShipOrder',
    ]);
    const numbered = lying.filter((it) => it.key !== key);
    expect(numbered).toHaveLength(15 * keys.length);
    expect(new Set(positionsOf(numbered)).size).toBe(numbered.length);
    for (const messages of firstsByKey(numbered).values())
      expect(positionsOf(messages)).toEqual(positionsOf(messages).toSorted((a, b) => a - b));
  });

  it('shares the shards with another, without sending anything again', async () => {
    await anew();
    const one = start({ ackLateMs: 100 });
    await appendSome();
    await published(one.relay);
    const two = start();
    let rounds = 5;
    for (; two.relay.held().length < shards / 2; rounds += 1) {
      await appendSome(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await appendSome();
    await Promise.all([published(one.relay), published(two.relay)]);
    expect([...one.relay.held(), ...two.relay.held()].toSorted()).toEqual(['0', '1', '2', '3']);
    const lying = await lie();
    await expectComplete(lying);
    expect(lying).toHaveLength((rounds + 5) * keys.length);
  });

  it('takes over what one had that was killed, and loses nothing', async () => {
    await anew();
    const one = start();
    await until(() => one.relay.held().length === shards);
    const two = start();
    await until(() => two.relay.held().length === shards / 2);
    await appendSome();
    const appending = appendSome(60);
    const head = await log.head();
    await until(async () => (await log.head()) > head + 200);
    one.cutFromKafka();
    await appending;
    // Long enough for a checkpoint to be written that should not be.
    await new Promise((resolve) => setTimeout(resolve, 800));
    one.kill();
    const killedAt = performance.now();
    const stoodStillMs = watchStandstill();
    await until(() => two.relay.held().length === shards);
    expect(performance.now() - killedAt).toBeLessThan(10_000 + stoodStillMs());
    await published(two.relay);
    await expectComplete(await lie());
  });

  it('gives its shards to one that can send when nothing that it sends arrives, and takes its share again when it can', async () => {
    await anew();
    const silentMsMax = 1_500;
    const [one, two] = [start({ silentMsMax }), start({ silentMsMax })];
    await until(() => one.relay.held().length === 2 && two.relay.held().length === 2);
    await appendSome();
    one.cutFromKafka();
    await appendSome();
    await until(
      () => two.relay.held().length === shards,
      () => 'the other to have all shards',
    );
    await until(() => one.relay.problems().some((it) => it.includes('Kafka acknowledges nothing')));
    await appendSome();
    await published(two.relay);
    await expectComplete(await lie());
    one.reachKafka();
    await until(
      async () => {
        await appendSome(1);
        return one.relay.held().length === 2 && two.relay.held().length === 2;
      },
      () => 'both to have a half again',
    );
    expect(one.relay.problems()).toEqual([]);
    await published(one.relay);
    await expectComplete(await lie());
  });

  it('keeps its shards while Kafka takes nothing from anybody, and loses nothing of what waits', async () => {
    await anew();
    const silentMsMax = 500;
    const [one, two] = [start({ silentMsMax }), start({ silentMsMax })];
    await until(() => one.relay.held().length === 2 && two.relay.held().length === 2);
    await appendSome();
    for (const it of [one, two]) it.cutFromKafka();
    await appendSome();
    await until(() => one.relay.problems().length > 0 && two.relay.problems().length > 0);
    const before = one.begun() + two.begun();
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    // Each may have had one to try with.
    expect(one.begun() + two.begun() - before).toBeLessThanOrEqual(3);
    expect(one.relay.held().length + two.relay.held().length).toBe(shards);
    for (const it of [one, two]) it.reachKafka();
    await published(one.relay);
    await expectComplete(await lie());
  });

  it('may repeat what it had in hand when it was paused, but moves no checkpoint', async () => {
    await anew();
    const one = start();
    await until(() => one.relay.held().length === shards);
    await appendSome();
    await published(one.relay);
    const before = new Map(one.got);
    one.pause();
    await appendSome();
    const two = start();
    await until(() => two.relay.held().length === shards);
    await appendSome();
    await published(two.relay);
    await two.relay.close();
    const checkpoints = relayCheckpoints(database.postgres, shards);
    const stood = await checkpoints.all();
    expect([...stood.values()]).toEqual(new Array(shards).fill(await log.head()));

    // As one would that has not noticed anything.
    for (const [piece, lease] of before) {
      const unaware = { ...lease, lost: new AbortController().signal };
      const further = { shard: Number(piece), position: 1_000_000, lease: unaware };
      await expect(checkpoints.save([further])).rejects.toThrow(LeaseLostError);
    }
    one.goOn();
    expect([...before.values()].every(({ lost }) => lost.aborted)).toBe(true);
    await until(() => one.relay.held().length === shards);
    await appendSome();
    await published(one.relay);
    await expectComplete(await lie());
  });

  it('publishes again from a position on, while it runs, and writes nothing down over that', async () => {
    await anew();
    const [one, two] = [start(), start()];
    await until(() => one.relay.held().length === 2 && two.relay.held().length === 2);
    await appendSome(4);
    await published(one.relay);
    await until(async () => (await log.head()) === Math.min(...(await placesOf(database.postgres, shards))));
    const [head, before] = [await log.head(), new Map([...one.got, ...two.got])];
    const from = head - 2 * keys.length;
    const { before: places, moved } = await republishAfter(database.postgres, from, shards);
    expect([places, moved]).toEqual([new Array(shards).fill(head), true]);
    expect(await countBetween(log, from, places)).toEqual({ records: head - from, messages: head - from });

    // As one would that has not noticed anything.
    const checkpoints = relayCheckpoints(database.postgres, shards);
    for (const [piece, lease] of before) {
      const unaware = { ...lease, lost: new AbortController().signal };
      const further = { shard: Number(piece), position: head, lease: unaware };
      await expect(checkpoints.save([further])).rejects.toThrow(LeaseLostError);
    }
    await until(() => {
      const now = [...one.got, ...two.got];
      return [...before].every(([piece, { epoch }]) =>
        now.some((it) => it[0] === piece && it[1].epoch > epoch),
      );
    });
    await appendSome(1);
    await published(one.relay);
    await until(async () => (await placesOf(database.postgres, shards)).every((it) => it > head));
    const lying = await lie();
    await expectComplete(lying);
    const again = Map.groupBy(positionsOf(lying), (position) => position);
    const times = new Map([...again].map(([position, all]) => [position, all.length]));
    const expected = (await log.readAll(0, 10_000)).map(
      ({ position }) => [position, from < position && position <= head ? 2 : 1] as const,
    );
    expect(times).toEqual(new Map(expected));
    expect((await republishAfter(database.postgres, await log.head(), shards)).moved).toBe(false);
  });

  it('reads again from where a shard lies behind for that shard alone', async () => {
    await anew();
    await appendSome();
    const head = await log.head();
    const behind = shardOf(keys[0]!);
    const rows = Array.from({ length: shards }, (_, shard) => (shard === behind ? 0 : head));
    await database.postgres.query(insertRows, [shards, rows]);
    const one = start();
    await published(one.relay);
    const lying = await lie();
    expect(new Set(lying.map(({ key }) => shardOf(key)))).toEqual(new Set([behind]));
    const mine = (await log.readAll(0, 10_000)).filter((it) => shardOf(it.correlation) === behind);
    expect(positionsOf(lying).toSorted((a, b) => a - b)).toEqual(mine.map(({ position }) => position));
  });

  it('does not let a shard wait for one that lies far behind, and reads for both together in the end', async () => {
    await anew();
    await appendSome(250);
    const head = await log.head();
    const behind = shardOf(keys[0]!);
    const rows = Array.from({ length: shards }, (_, shard) => (shard === behind ? 0 : head));
    await database.postgres.query(insertRows, [shards, rows]);
    let following = 0;
    const slow: EventLog = {
      ...log,
      follow: (after, batchMax, onRecords) => {
        following += 1;
        const subscription = log.follow(after, Math.min(batchMax, 100), async (records) => {
          if (records[0]!.position < head) await new Promise((resolve) => setTimeout(resolve, 10));
          await onRecords(records);
        });
        return {
          close: () => {
            following -= 1;
            return subscription.close();
          },
        };
      },
    };
    const one = start({ of: slow });
    await until(() => following === 2);
    await appendSome();
    await published(one.relay);
    expect(following).toBe(1);
    const lying = await lie();
    const mine = (await log.readAll(0, 10_000)).filter(
      ({ correlation, position }) => shardOf(correlation) === behind || position > head,
    );
    expect(positionsOf(lying).toSorted((a, b) => a - b)).toEqual(mine.map(({ position }) => position));
    for (const messages of firstsByKey(lying).values())
      expect(positionsOf(messages)).toEqual(positionsOf(messages).toSorted((a, b) => a - b));
  });

  it('goes on where another division into shards has ended', async () => {
    await anew();
    const one = start();
    await appendSome();
    await published(one.relay);
    await one.relay.close();
    const two = start({ count: 3 });
    await appendSome();
    await published(two.relay);
    const lying = await lie();
    await expectComplete(lying);
    expect(lying).toHaveLength(10 * keys.length);
  });

  it('stops at a record that it does not understand', async () => {
    await anew();
    await appendSome(1);
    const at = 10;
    const newer: EventLog = {
      ...log,
      follow: (after, batchMax, onRecords) =>
        log.follow(after, batchMax, (records) =>
          onRecords(records.map((it) => (it.position === at ? { ...it, version: 99 } : it))),
        ),
    };
    const one = start({ of: newer });
    await until(() => one.fatal.length > 0);
    expect(one.fatal[0]).toBeInstanceOf(UnknownVersionError);
    expect(one.relay.problems()[0]).toContain('position 10');
    await one.relay.close();
    expect(await relayCheckpoints(database.postgres, shards).all()).toEqual(
      new Map(Array.from({ length: shards }, (_, shard) => [shard, at - 1])),
    );
    expect(Math.max(...positionsOf(await lie()))).toBe(at - 1);
  });

  it('publishes nothing of a log that ends before its checkpoint', async () => {
    await anew();
    await database.postgres.query('insert into relay_checkpoint values ($1, 0, 1000)', [shards]);
    const one = start();
    const isAhead = (problem: string) =>
      problem.startsWith('shard 0 of the relay was published up to position 1000');
    await until(() => one.relay.problems().some(isAhead));
  });
});
