import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { topics } from '@recourse/contracts/registry';
import type { Admin } from 'kafkajs';
import { newKey, publisher as numbered, numberOf, until } from '../../test/contract/broker-fixture.ts';
import { type Brokers, startBrokers } from '../../test/stack/brokers.ts';
import {
  describeOnOwnServers,
  type FreshDatabase,
  freshDatabase,
  freshPrefix,
  silent,
} from '../../test/stack/kit.ts';
import { messagesOf } from '../broker/messages.ts';
import { openSqliteLog } from '../log/sqlite-log.ts';
import type { EventLog, Subscription } from '../ports/event-log.ts';
import { systemClock } from '../system.ts';
import { type KafkaBroker, openKafkaBroker } from './broker.ts';
import { type KafkaSettings, kafkaClient } from './client.ts';
import { openPublisher, type Publisher } from './publisher.ts';
import { quick } from './testing/harness.ts';
import { lookAtTopics, topicNames } from './topics.ts';

const count = 3;
const partitions = 4;
const group = 'group';
const keys = Array.from({ length: 12 }, newKey);
const publishEveryMs = 100;
/** So many messages of each key come after the broker is gone, at least: for longer than its session lasts. */
const roundsAfter = 50;
/**
 * How long it may take, once the broker is gone or back, until all is handled and committed. Left to itself, the client
 * library asks a coordinator that is gone for a minute and more.
 */
const goesOnMsMax = 50_000;
const wanted = new Set(topics);
const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

jest.setTimeout(150_000);

describeOnOwnServers('three brokers, replication 3, two in sync at the least', () => {
  let brokers: Brokers;
  let database: FreshDatabase;
  let admin: Admin;
  let kafka: KafkaSettings;
  let prefix: string;
  let folder: string;
  let log: EventLog;
  let publisher: Publisher;
  let relay: Subscription;
  let members: KafkaBroker[];
  let coordinator: number;
  /** The numbers of each key in the order in which they were handled first. */
  let handled: ReadonlyMap<string, Set<number>>;
  let published: number;

  beforeAll(async () => {
    [brokers, database] = await Promise.all([startBrokers({ count }), freshDatabase()]);
    kafka = { brokers: brokers.addresses, clientId: 'test' };
    admin = kafkaClient(kafka, silent).admin();
    await admin.connect();
  });
  afterAll(async () => {
    await admin?.disconnect();
    await brokers?.stop();
    await database?.drop();
  });

  beforeEach(async () => {
    await Promise.all([...brokers.nodes.values()].map((node) => node.start()));
    await allInSync();
    await choosePrefix();
    const report = await lookAtTopics({
      ...{ kafka, prefix, partitions, replicationFactor: count },
      ...{ logger: silent, create: true },
    });
    expect(report.findings).toEqual([]);
    folder = await mkdtemp(join(tmpdir(), 'recourse-brokers-log-'));
    log = openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock });
    publisher = openPublisher({ kafka, prefix, clock: systemClock, logger: silent });
    relay = log.follow(0, 500, (records) =>
      publisher.send(
        records.flatMap((record) => messagesOf(record, wanted)).filter((it) => it !== undefined),
      ),
    );
    handled = new Map(keys.map((key) => [key, new Set()]));
    published = 0;
    members = await Promise.all([joined(), joined()]);
    await until(() => members.every((it) => it.problems().length === 0));
  });
  afterEach(async () => {
    await Promise.all(members.map((member) => member.close()));
    // Where the test has failed, the one waits for what the other gives up.
    await Promise.all([relay.close(), publisher.close()]);
    await log.close();
    await rm(folder, { recursive: true, force: true });
    await database.postgres.query('truncate partition_claim, topic_partitions, parked, decision, poison');
    await admin.deleteTopics({ topics: [...topicNames(prefix)] });
  });

  /** Resolves when all that is kept of groups is on all brokers, and each part has its leader. */
  const allInSync = () =>
    until(async () => {
      const { topics: found } = await admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] });
      return found[0]!.partitions.every(({ isr, leader }) => isr.length === count && leader > 0);
    });

  /** The number of the broker that answers for a group. */
  const coordinatorOf = async (groupId: string) => {
    const asked: string[] = [];
    const stopListening = admin.on(admin.events.REQUEST, ({ payload }) => {
      if (payload.apiName === 'DescribeGroups') asked.push(payload.broker);
    });
    await admin.describeGroups([groupId]);
    stopListening();
    return brokers.addresses.indexOf(asked.at(-1)!) + 1;
  };

  /** A prefix with whose group goes a coordinator that can be killed. */
  const choosePrefix = async () => {
    do {
      prefix = freshPrefix();
      coordinator = await coordinatorOf(prefix + group);
    } while (coordinator === 1);
  };

  const joined = async () => {
    const member = await openKafkaBroker({
      ...{ kafka, prefix, postgres: database.postgres, clock: systemClock, logger: silent },
      ...quick,
    });
    member.consume({
      group,
      topics: ['payment.events'],
      handle: async (message) => void handled.get(message.key)!.add(numberOf(message)),
    });
    return member;
  };

  /** Publishes the next number of each key again and again until it is ended; resolves then. */
  const publishing = () => {
    const publish = numbered(log);
    let over = false;
    const running = (async () => {
      while (!over) {
        await Promise.all(keys.map((key) => publish(key, 'payment.events', published)));
        published += 1;
        await later(publishEveryMs);
      }
    })();
    return async () => {
      over = true;
      await running;
    };
  };

  /** How many numbers of every key are handled. */
  const handledOfAll = () => Math.min(...[...handled.values()].map((numbers) => numbers.size));
  /** A member remembers for a moment what it has told. */
  const lagBy = (member: KafkaBroker | undefined) =>
    member!.lag().then(
      (lags) => lags[group]!,
      () => Number.POSITIVE_INFINITY,
    );
  const problems = () => [...members, publisher].flatMap((it) => it.problems());

  /** Does something to brokers while messages come, and then expects every message handled, in order, in time. */
  const goesOnThrough = async (what: () => Promise<void>) => {
    const end = publishing();
    const told = () => `${published} published, ${handledOfAll()} handled, ${problems()}`;
    try {
      await until(() => handledOfAll() > 10);
      await what();
      const since = performance.now();
      const left = () => goesOnMsMax - (performance.now() - since);
      const publishedMin = published + roundsAfter;
      const goesOn = async () => {
        // What is handled while the coordinator is gone is not committed: so this is what says that there is one again.
        const committedMin = published - (await lagBy(members[0])) / keys.length;
        return committedMin > publishedMin && problems().length === 0;
      };
      await until(goesOn, () => `the group to go on (${told()})`, left());
      await end();
      await until(
        () => handledOfAll() === published,
        () => `the rest (${told()})`,
        left(),
      );
      const isDone = async () => (await lagBy(members[1])) === 0 && problems().length === 0;
      await until(isDone, () => `the rest to be committed (${told()})`, left());
    } finally {
      await end();
    }
    const all = Array.from({ length: published }, (_, number) => number);
    for (const numbers of handled.values()) expect([...numbers]).toEqual(all);
    expect(await members[0]!.deadLetters.counts()).toEqual({ waiting: 0, dead: 0 });
  };

  it('go on when the coordinator of a group dies for good', async () => {
    await goesOnThrough(() => brokers.nodes.get(coordinator)!.kill());
    expect(brokers.nodes.get(coordinator)!.pids()).toEqual([]);
  });

  it('lose nothing when the coordinator of a group is killed and comes back', async () => {
    await goesOnThrough(async () => {
      await brokers.nodes.get(coordinator)!.kill();
      await later(2_000);
      await brokers.nodes.get(coordinator)!.start();
    });
  });
});
