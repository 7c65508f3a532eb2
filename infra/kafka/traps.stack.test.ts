import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { newKey, numberOf, publisher, until, witness } from '../../test/contract/broker-fixture.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../test/stack/kit.ts';
import { StartError, UnavailableError, UnknownVersionError } from '../errors.ts';
import { systemClock } from '../system.ts';
import { type KafkaBroker, type KafkaBrokerOptions, openKafkaBroker } from './broker.ts';
import { encode } from './codec.ts';
import { type KafkaHarness, type KafkaKit, kafkaHarness, openKafkaKit } from './testing/harness.ts';

const settings = { quickRetries: 0, retryDelaysMs: [], inHandMax: 200 };
const topic = 'payment.events';

describeOnStack('what goes wrong on Kafka', () => {
  let kit: KafkaKit;
  let database: FreshDatabase;
  let harness: KafkaHarness;
  let publish: ReturnType<typeof publisher>;
  let broker: KafkaBroker;
  const fatal: Error[] = [];
  const logged: { level: number; msg: string }[] = [];
  const logger = pino(
    { base: null },
    new Writable({
      write: (line, _, done) => {
        logged.push(JSON.parse(String(line)));
        done();
      },
    }),
  );

  beforeAll(async () => {
    [kit, database] = await Promise.all([openKafkaKit(), freshDatabase()]);
  });
  afterAll(async () => {
    await kit.close();
    await database.drop();
  });
  const more: Partial<KafkaBrokerOptions> = { logger, onFatal: (error) => void fatal.push(error) };
  beforeEach(async () => {
    fatal.length = 0;
    logged.length = 0;
    harness = await kafkaHarness(kit, database, [topic, 'shipping.replies'], more);
    publish = publisher(harness.log);
    broker = await harness.open(settings);
  });
  afterEach(async () => {
    await broker.close();
    await harness.end();
  });

  /** Publishes anything. */
  const put = async (
    name: string,
    message: { key?: string | null; value: string; headers?: Record<string, string> },
  ) => {
    const producer = await kit.producer();
    await producer.send({ topic: harness.prefix + name, messages: [{ key: null, ...message }] });
    await producer.disconnect();
  };
  /** Everything on a topic so far, in one partition order. */
  const drained = async (name: string, count: number) => {
    const consumer = kit.kafka.consumer({ groupId: `${harness.prefix}drain.${name}`, maxWaitTimeInMs: 100 });
    const found: { value: string; headers: Record<string, string> }[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic: harness.prefix + name, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        const headers = Object.entries(message.headers ?? {}).map(([key, it]) => [key, String(it)]);
        found.push({ value: String(message.value), headers: Object.fromEntries(headers) });
      },
    });
    await until(
      () => found.length >= count,
      () => `${count} messages on ${name}`,
    );
    await consumer.disconnect();
    return found;
  };
  const committed = async () => {
    const of = await kit.admin.fetchOffsets({
      groupId: `${harness.prefix}group`,
      topics: [harness.prefix + topic],
    });
    return of[0]!.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
  };

  it('poison goes whole to a topic of its own, is listed, holds nobody up, and can be redriven', async () => {
    const group = witness('group', [topic]);
    broker.consume(group.consumer);
    await put(topic, {
      key: 'no order',
      value: '\u0001 no JSON',
      headers: { ce_type: 'Nonsense', 'x-trace': 'abc' },
    });
    await publish(newKey(), topic, 0);
    await until(() => group.handled.length === 1);
    await until(async () => (await broker.poison.count()) === 1);
    const [listed] = await broker.poison.list({ max: 10 });
    expect(listed).toMatchObject({ topic, group: 'group', offset: 0 });
    expect(listed!.reason).toMatch(/ce_specversion/);
    expect([String(listed!.key), String(listed!.value)]).toEqual(['no order', '\u0001 no JSON']);
    const [dead] = await drained(`${topic}.dlq`, 1);
    expect(dead!.value).toBe('\u0001 no JSON');
    expect(dead!.headers).toMatchObject({
      'x-trace': 'abc',
      dlq_topic: topic,
      dlq_offset: '0',
      dlq_partition: String(listed!.partition),
    });
    expect(dead!.headers.dlq_reason).toBe(listed!.reason);
    await until(async () => (await committed()) === 2);

    const elsewhere = await harness.open(settings);
    expect(await elsewhere.poison.redrive(listed!.id)).toBe(true);
    await elsewhere.close();
    const all = await drained(topic, 3);
    expect(all.filter(({ value }) => value === '\u0001 no JSON')).toHaveLength(2);
    // It still cannot be read: it is listed again, as what it is now.
    await until(async () => (await broker.poison.list({ max: 10 })).some(({ id }) => id !== listed!.id));
    const [again] = await broker.poison.list({ max: 10 });
    expect(await broker.poison.discard(again!.id, 'nobody sent it', 'ann')).toBe(true);
    expect(await broker.poison.discard(again!.id, 'nobody sent it', 'ann')).toBe(false);
    expect(await broker.poison.count()).toBe(0);
  });

  it('poison is listed once, whoever meets it, and an answer without an order is poison too', async () => {
    for (const name of ['group', 'other'])
      broker.consume(witness(name, [topic, 'shipping.replies']).consumer);
    await put('shipping.replies', { key: 'order-7', value: '{}' });
    await until(async () => (await broker.poison.count()) === 1);
    await until(async () => Object.values(await broker.lag()).every((it) => it === 0));
    expect(await broker.poison.list({ max: 10 })).toHaveLength(1);
  });

  it('a version that this build does not know stops the group before it, and is said', async () => {
    const group = witness('group', [topic]);
    broker.consume(group.consumer);
    const key = newKey();
    await publish(key, topic, 0);
    await until(() => group.handled.length === 1);
    const { headers, value } = encode(group.handled[0]!);
    await put(topic, {
      key,
      value,
      headers: { ...headers, ce_dataschema: 'urn:recourse:PaymentProcessed:2' },
    });
    await publish(key, topic, 1);
    await until(() => fatal.length === 1);
    expect(fatal[0]).toBeInstanceOf(UnknownVersionError);
    expect(broker.problems().join()).toMatch(/PaymentProcessed version 2/);
    await until(async () => {
      const { groups } = await kit.admin.describeGroups([`${harness.prefix}group`]);
      return groups[0]!.members.length === 0;
    });
    expect([await committed(), group.handled.length, await broker.poison.count()]).toEqual([1, 1, 0]);
  });

  it('a dead letter is decided by a process that consumes nothing, and its owner goes on', async () => {
    const [first, second] = [newKey(), newKey()];
    let broken = true;
    const group = witness('group', [topic], (message) => {
      if (broken && numberOf(message) === 0) throw new Error('never');
    });
    broker.consume(group.consumer);
    await publish(first, topic, 0, 1);
    await publish(second, topic, 0, 1);
    await until(async () => (await broker.deadLetters.counts()).dead === 2);
    const elsewhere = await harness.open(settings);
    const [one, other] = await elsewhere.deadLetters.list({ max: 10 });
    broken = false;
    expect(await elsewhere.deadLetters.redrive(one!.id)).toBe(true);
    expect(await elsewhere.deadLetters.redrive(one!.id)).toBe(false);
    expect(await elsewhere.deadLetters.discard(other!.id, 'sent twice', 'ann')).toBe(true);
    await until(() => group.handled.length === 3);
    expect([group.numbers(one!.key), group.numbers(other!.key)]).toEqual([[0, 1], [1]]);
    await until(async () => (await elsewhere.deadLetters.counts()).waiting === 0);
    const [kept] = await database.postgres.query<{ note: string; discarded_by: string }>(
      'select * from discarded',
    );
    expect(kept).toMatchObject({ note: 'sent twice', discarded_by: 'ann' });
    await elsewhere.close();
  });

  it('messages that are gone before they were handled are said, and the group goes on with the first that is there', async () => {
    const key = newKey();
    await publish(key, topic, 0, 1, 2);
    const [{ partition } = { partition: -1 }] = await answered(async () =>
      (await kit.admin.fetchTopicOffsets(harness.prefix + topic)).filter(({ high }) => high === '3'),
    );
    const offsets = { groupId: `${harness.prefix}group`, topic: harness.prefix + topic };
    await kit.admin.setOffsets({ ...offsets, partitions: [{ partition, offset: '1' }] });
    await kit.admin.deleteTopicRecords({
      topic: harness.prefix + topic,
      partitions: [{ partition, offset: '2' }],
    });
    const group = witness('group', [topic]);
    broker.consume(group.consumer);
    await until(() => group.handled.length >= 1);
    expect(group.numbers(key)).toEqual([2]);
    const errors = logged.filter(({ level }) => level === 50).map(({ msg }) => msg);
    expect(errors.join()).toMatch(/gone before they were handled|Offset out of range/);
  });

  it('an offset beyond the end begins with the first message that is there', async () => {
    const key = newKey();
    await publish(key, topic, 0, 1);
    const [{ partition } = { partition: -1 }] = await answered(async () =>
      (await kit.admin.fetchTopicOffsets(harness.prefix + topic)).filter(({ high }) => high === '2'),
    );
    const offsets = { groupId: `${harness.prefix}group`, topic: harness.prefix + topic };
    await kit.admin.setOffsets({ ...offsets, partitions: [{ partition, offset: '1000' }] });
    const group = witness('group', [topic]);
    broker.consume(group.consumer);
    await until(() => group.handled.length >= 2);
    expect(group.numbers(key)).toEqual([0, 1]);
    await until(async () => (await broker.lag()).group === 0);
  });

  it('another number of partitions is refused', async () => {
    const group = witness('group', [topic]);
    broker.consume(group.consumer);
    await publish(newKey(), topic, 0);
    await until(() => group.handled.length === 1);
    await broker.close();
    await kit.admin.createPartitions({ topicPartitions: [{ topic: harness.prefix + topic, count: 4 }] });
    broker = await harness.open(settings);
    broker.consume(group.consumer);
    // A busy broker takes its time until it shows the new number, and until the group is joined again.
    await until(
      () => fatal.length === 1,
      () => 'the refusal',
      40_000,
    );
    expect(fatal[0]).toBeInstanceOf(StartError);
    expect(fatal[0]!.message).toMatch(/payment\.events had 3 partitions and has 4 now/);
    expect(group.handled).toHaveLength(1);
  });

  it('a Kafka that is not there is waited for, said, and left in time', async () => {
    const away = await openKafkaBroker({
      kafka: { brokers: ['127.0.0.1:1'], clientId: 'test' },
      prefix: harness.prefix,
      postgres: database.postgres,
      clock: systemClock,
      shutdownMsMax: 1_000,
      ...more,
      logger,
    });
    away.consume(witness('group', [topic]).consumer);
    expect(away.problems()).toEqual(['group: it has not joined its group yet']);
    await expect(away.lag()).rejects.toThrow(UnavailableError);
    expect(await away.deadLetters.counts()).toEqual({ waiting: 0, dead: 0 });
    const began = systemClock.monotonic();
    await away.close();
    expect(systemClock.monotonic() - began).toBeLessThan(8_000);
    expect(fatal).toEqual([]);
  });

  /** Waits for an answer that is not empty. */
  async function answered<T>(ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
    let found: readonly T[] = [];
    await until(async () => {
      found = await ask();
      return found.length > 0;
    });
    return found;
  }
});
