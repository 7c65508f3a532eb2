import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import { newKey, numberOf, publisher, until } from '../../test/contract/broker-fixture.ts';
import { describeOnStack, type FreshDatabase, freshDatabase, stack } from '../../test/stack/kit.ts';
import { PermanentError, UnavailableError } from '../errors.ts';
import type { ConsumerGroup, Message } from '../ports/broker.ts';
import type { Postgres, Sql } from '../postgres/connect.ts';
import type { KafkaBroker } from './broker.ts';
import { type KafkaHarness, type KafkaKit, kafkaHarness, openKafkaKit } from './testing/harness.ts';

const settings = { quickRetries: 0, retryDelaysMs: [300], inHandMax: 200 };
/** Parts of the client library, to answer what a coordinator says for moments only, after a restart. */
const library = createRequire(import.meta.url);
const { createErrorFromCode } = library('kafkajs/src/protocol/error.js') as {
  readonly createErrorFromCode: (code: number) => Error;
};
const { prototype: connected } = library('kafkajs/src/broker/index.js') as {
  readonly prototype: Record<'heartbeat' | 'joinGroup' | 'describeGroups', () => Promise<unknown>>;
};
/** After 20 s nobody waits for a rebalance any more. */
const rejoinMsMax = 45_000;
const notCoordinator = 16;
const coordinatorLoads = 14;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const both = ['payment.events', 'shipping.events'] as const;

describeOnStack('members of one group on Kafka', () => {
  let kit: KafkaKit;
  let database: FreshDatabase;
  let harness: KafkaHarness;
  let publish: ReturnType<typeof publisher>;
  const opened: KafkaBroker[] = [];

  beforeAll(async () => {
    [kit, database] = await Promise.all([openKafkaKit(), freshDatabase()]);
  });
  afterAll(async () => {
    await kit.close();
    await database.drop();
  });
  beforeEach(async () => {
    harness = await kafkaHarness(kit, database, both);
    publish = publisher(harness.log);
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await Promise.all(opened.splice(0).map((broker) => broker.close()));
    await harness.end();
  });

  /** A member that keeps what it handled, and which partitions it was given. */
  const join = async (more: Partial<ConsumerGroup> = {}, wanted: Partial<typeof settings> | object = {}) => {
    const broker = await harness.open({ ...settings, ...wanted });
    opened.push(broker);
    const handled: Message[] = [];
    const assigned: (readonly number[])[] = [];
    broker.consume({
      group: 'group',
      topics: both,
      onAssigned: async (partitions) => void assigned.push(partitions),
      ...more,
      handle: async (message) => {
        await more.handle?.(message);
        handled.push(message);
      },
    });
    return { broker, handled, assigned, last: () => assigned.at(-1) ?? [] };
  };
  const shared = (...members: Awaited<ReturnType<typeof join>>[]) =>
    until(
      () => members.flatMap((it) => it.last()).length === 3 && members.every((it) => it.last().length > 0),
      () => 'the partitions to be shared',
    );

  it('get the same partitions of all topics, so that an order is in one process', async () => {
    const [one, other] = [await join(), await join()];
    await shared(one, other);
    const keys = range(30).map(newKey);
    await Promise.all(keys.flatMap((key) => both.map((topic) => publish(key, topic, 0))));
    await until(() => one.handled.length + other.handled.length >= 60);
    expect(one.handled.length).toBeGreaterThan(0);
    expect(other.handled.length).toBeGreaterThan(0);
    const ofOther = new Set(other.handled.map(({ key }) => key));
    expect(one.handled.filter(({ key }) => ofOther.has(key))).toEqual([]);
  });

  it('lose nothing and keep the order of each key while others come and go under load', async () => {
    const handle = () => later(2);
    const members = [await join({ handle })];
    const keys = range(40).map(newKey);
    const load = (async () => {
      for (const number of range(25)) {
        await Promise.all(keys.map((key) => publish(key, 'payment.events', number)));
        await later(60);
      }
    })();
    await later(300);
    members.push(await join({ handle }));
    await shared(members[0]!, members[1]!);
    members.push(await join({ handle }));
    await shared(...members);
    await members[0]!.broker.close();
    await load;
    const numbers = (key: OrderId) =>
      members.flatMap(({ handled }) => handled.filter((it) => it.key === key).map(numberOf));
    await until(
      () => keys.every((key) => new Set(numbers(key)).size === 25),
      () => 'every message of every key',
    );
    for (const { handled } of members)
      for (const key of keys) {
        const firsts = [...new Set(handled.filter((it) => it.key === key).map(numberOf))];
        expect(firsts).toEqual(firsts.toSorted((one, other) => one - other));
      }
  });

  it('stay in it, at their place, while what they need is away for longer than a session', async () => {
    let away = true;
    const handle = async () => {
      if (away) throw new UnavailableError('the database is away');
    };
    const only = await join({ handle }, { inHandMax: 4 });
    await publish(newKey(), 'payment.events', ...range(20));
    await later(8_000);
    expect(only.handled).toHaveLength(0);
    away = false;
    await until(() => only.handled.length === 20);
    // One that was given up would find out at its next commit, and join again.
    await until(async () => (await only.broker.lag()).group === 0);
    expect(only.assigned).toHaveLength(1);
    expect(await only.broker.deadLetters.counts()).toEqual({ waiting: 0, dead: 0 });
  });

  it('join again, and take on, where the coordinator was loading their group when they first tried', async () => {
    const only = await join();
    await until(() => only.assigned.length === 1);
    await publish(newKey(), 'payment.events', 0);
    await until(() => only.handled.length === 1);
    jest.spyOn(connected, 'joinGroup').mockRejectedValueOnce(createErrorFromCode(coordinatorLoads));
    jest.spyOn(connected, 'heartbeat').mockRejectedValueOnce(createErrorFromCode(notCoordinator));
    await until(() => only.assigned.length === 2);
    await publish(newKey(), 'payment.events', 1);
    await until(() => only.handled.length === 2);
    expect(only.broker.problems()).toEqual([]);
  });

  it('write on where one that had their partitions before claims them late', async () => {
    const bad = newKey();
    const handle = async () => {
      throw new Error('cannot make sense of it');
    };
    const only = await join({ handle });
    await until(() => only.assigned.length === 1);
    await database.postgres.query(`update partition_claim set epoch = epoch + 1, owner = 'a zombie'`);
    await publish(bad, 'payment.events', 0, 1);
    await until(async () => (await only.broker.deadLetters.counts()).dead === 1);
    const owners = await database.postgres.query<{ owner: string }>(
      `select distinct owner from partition_claim where topic = 'payment.events'`,
    );
    expect(owners).not.toEqual([{ owner: 'a zombie' }]);
  });

  it('join again where their partitions are said to be no longer theirs, and nobody else takes them', async () => {
    const only = await join({ handle: failing });
    await until(() => only.assigned.length === 1);
    jest.spyOn(connected, 'describeGroups').mockResolvedValueOnce({
      groups: [{ groupId: `${harness.prefix}group`, state: 'PreparingRebalance', members: [] }],
    });
    await database.postgres.query(`update partition_claim set epoch = epoch + 1, owner = 'a zombie'`);
    await publish(newKey(), 'payment.events', 0);
    await until(() => only.assigned.length === 2, undefined, rejoinMsMax);
    await until(async () => (await only.broker.deadLetters.counts()).dead === 1);
  }, 60_000);

  const failing = async () => {
    throw new PermanentError('cannot make sense of it');
  };
  /** A member with a dead letter, and a handler that takes it the next time. */
  const withDeadLetter = async (wanted: object = {}) => {
    let handle: () => Promise<void> = failing;
    const only = await join({ handle: () => handle() }, wanted);
    await publish(newKey(), 'payment.events', 0);
    await until(async () => (await only.broker.deadLetters.counts()).dead === 1);
    handle = async () => {};
    const [{ id } = { id: '' }] = await only.broker.deadLetters.list({ max: 1 });
    return { ...only, id };
  };

  it('take nothing more while too many messages are parked, say so, and go on when they are not', async () => {
    let handle: () => Promise<void> = failing;
    const only = await join({ handle: () => handle() }, { parkedMax: 3, inHandMax: 1 });
    await publish(newKey(), 'payment.events', 0);
    for (const key of range(9).map(newKey)) await publish(key, 'payment.events', 0);
    const counts = () => only.broker.deadLetters.counts();
    await until(() => only.broker.problems().some((it) => /^group: .* dead letters/.test(it)));
    await until(async () => (await counts()).dead >= 3);
    await later(500);
    expect((await counts()).dead).toBeLessThanOrEqual(4);
    handle = async () => {};
    for (const { id } of await only.broker.deadLetters.list({ max: 10 }))
      await only.broker.deadLetters.redrive(id);
    await until(() => only.handled.length === 10);
    expect(only.broker.problems()).toEqual([]);
  });

  it('hear what people decide also after one that had their partitions before claims them late', async () => {
    const { broker, handled, id } = await withDeadLetter();
    await database.postgres.query(`update partition_claim set epoch = epoch + 1, owner = 'a zombie'`);
    expect(await broker.deadLetters.redrive(id)).toBe(true);
    await until(() => handled.length === 1);
    await until(async () => (await database.postgres.query('select from decision')).length === 0);
  });

  it('hear what people decide also where the answer that tells them of it is lost', async () => {
    let lost = 0;
    let losing = false;
    const losingAnswers: Sql = async (text, values) => {
      const rows = await database.postgres.query(text, values);
      if (!losing || lost > 0 || !text.includes('from decision')) return rows as never;
      lost += 1;
      throw new UnavailableError('the connection broke');
    };
    const { broker, handled, id } = await withDeadLetter({
      postgres: { ...database.postgres, query: losingAnswers },
    });
    losing = true;
    await broker.deadLetters.redrive(id);
    await until(() => handled.length === 1);
    expect(lost).toBe(1);
  });

  it('are told once what is theirs, and never what was before, however late that is found out', async () => {
    const late = Promise.withResolvers<void>();
    let asked = 0;
    const slow: Sql = async (text, values) => {
      if (text.includes('from parked') && text.includes('order by id')) {
        asked += 1;
        if (asked === 1) await late.promise;
      }
      return (await database.postgres.query(text, values)) as never;
    };
    const one = await join({}, { postgres: { ...database.postgres, query: slow } } as object);
    await until(() => asked === 1);
    const other = await join();
    await shared(one, other);
    late.resolve();
    await later(300);
    expect(one.assigned).toHaveLength(1);
  });

  it('write nothing late, and claim nothing for it, of what was shared out anew since', async () => {
    const late = Promise.withResolvers<void>();
    let begun = 0;
    const transaction: Postgres['transaction'] = async (run, isolation) => {
      begun += 1;
      if (begun === 1) await late.promise;
      return database.postgres.transaction(run, isolation);
    };
    const slow = { postgres: { ...database.postgres, transaction } };
    const one = await join({ handle: failing }, slow);
    await publish(newKey(), 'payment.events', 0);
    await until(() => begun === 1);
    await shared(one, await join());
    const epochs = () => database.postgres.query('select * from partition_claim order by topic, part');
    const before = await epochs();
    late.resolve();
    await later(500);
    expect(await epochs()).toEqual(before);
  });

  it('take over what another has parked, and what was behind it, in order', async () => {
    const bad = newKey();
    const handle = async (message: Message) => {
      if (numberOf(message) === 1) throw new Error('cannot make sense of it');
    };
    const one = await join({ handle }, { retryDelaysMs: [60_000] });
    await publish(bad, 'payment.events', 0, 1, 2, 3);
    await until(async () => (await one.broker.deadLetters.counts()).waiting === 3);
    await one.broker.close();
    await database.postgres.query('update parked set retry_at = 0');
    const other = await join();
    await until(() => other.handled.length >= 3);
    expect(other.handled.map(numberOf)).toEqual([1, 2, 3]);
    await until(async () => (await other.broker.deadLetters.counts()).waiting === 0);
  });

  it('take over from one that was killed, with what it had parked', async () => {
    const [bad, good] = [newKey(), newKey()];
    const file = fileURLToPath(new URL('./testing/standalone-member.ts', import.meta.url));
    const asked = {
      brokers: stack.kafkaBrokers,
      prefix: harness.prefix,
      postgresUrl: database.settings.url,
      failOn: '1',
    };
    const child = spawn(process.execPath, [file, JSON.stringify(asked)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    child.stdout.on('data', (text) => {
      said += text;
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const looking = await join({ topics: ['shipping.events'], group: 'looking' } as Partial<ConsumerGroup>);
    try {
      await publish(good, 'payment.events', 0, 2);
      await publish(bad, 'payment.events', 0, 1, 2);
      await until(
        async () => (await looking.broker.deadLetters.counts()).waiting === 2,
        () => `what the other process parks (it said ${said})`,
      );
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
    await publish(good, 'payment.events', 3);
    await database.postgres.query('update parked set retry_at = 0');
    const other = await join({ topics: ['payment.events'] });
    // What it had handled may come again, at any place: it is known by its sequence. What it had not comes in order.
    const numbers = () => other.handled.filter((it) => it.key === bad && numberOf(it) > 0).map(numberOf);
    const parked = () => [...new Set(numbers())];
    await until(
      () => other.handled.some((it) => numberOf(it) === 3) && parked().includes(2),
      () => 'the session of the dead to end, and its messages',
    );
    expect(parked()).toEqual([1, 2]);
  });
});
