import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Admin } from 'kafkajs';
import kafkajs from 'kafkajs';
import { describeOnStack, freshPrefix, silent, stack } from '../../test/stack/kit.ts';
import { UnavailableError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';
import { systemClock } from '../system.ts';
import { type KafkaSettings, kafkaClient } from './client.ts';
import { openPublisher, type Publisher } from './publisher.ts';
import { firstsByKey, readTopics } from './testing/read-topics.ts';
import { lookAtTopics, topicNames } from './topics.ts';

const kafka: KafkaSettings = { brokers: stack.kafkaBrokers, clientId: 'test' };

const until = async (satisfied: () => boolean, withinMs = 15_000) => {
  const end = performance.now() + withinMs;
  while (!satisfied()) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

describeOnStack('the publisher on Kafka', () => {
  const opened: Publisher[] = [];
  const prefix = freshPrefix();
  const later = freshPrefix();
  let keys: readonly string[];
  let admin: Admin;
  let position = 0;

  beforeAll(async () => {
    admin = kafkaClient(kafka, silent).admin();
    await admin.connect();
    const small = [{ name: 'max.message.bytes', value: '5000' }];
    const topic = `${prefix}payment.events`;
    await admin.createTopics({
      topics: [{ topic, numPartitions: 2, replicationFactor: 1, configEntries: small }],
    });
    await makeTopics(prefix, 2);
  });
  beforeEach(() => {
    keys = Array.from({ length: 20 }, () => randomUUID());
  });
  afterAll(async () => {
    await Promise.all(opened.map((publisher) => publisher.close()));
    const there = new Set(await admin.listTopics());
    await admin.deleteTopics({
      topics: [prefix, later].flatMap(topicNames).filter((name) => there.has(name)),
    });
    await admin.disconnect();
  });

  const makeTopics = (of: string, partitions: number) =>
    lookAtTopics({ kafka, prefix: of, partitions, replicationFactor: 1, logger: silent, create: true });
  const openOn = (of: string, lanes?: number) => {
    const publisher = openPublisher({
      kafka,
      prefix: of,
      clock: systemClock,
      logger: silent,
      ...(lanes !== undefined && { lanes }),
    });
    opened.push(publisher);
    return publisher;
  };
  const message = (key: string, { topic = 'order.events', pad = 0 } = {}): Message => {
    position += 1;
    return {
      kind: 'event',
      type: 'OrderCompleted',
      id: randomUUID(),
      data: { pad: 'x'.repeat(pad) },
      topic,
      key,
      version: 1,
      stream: `order-${key}`,
      revision: position,
      position,
      time: 1_700_000_000_000,
      correlation: key,
      causation: key,
    } as unknown as Message;
  };
  /** What lies there of the test's own keys. */
  const lie = async (of = prefix, topics = ['order.events']) =>
    (await readTopics(kafka, of, topics, silent)).filter(({ key }) => keys.includes(key));
  const idsOf = (messages: readonly { id: string }[]) => messages.map(({ id }) => id);

  it.each([1, 3])('keeps the order of each key, whatever is sent meanwhile (%i lanes)', async (lanes) => {
    const publisher = openOn(prefix, lanes);
    const topics = ['order.events', 'saga.events'];
    const sent: Message[] = [];
    const waits: Promise<void>[] = [];
    for (let n = 0; n < 120; n += 1) {
      const batch = keys.map((key) => message(key, { topic: topics[n % 2]! })).slice(n % 7);
      sent.push(...batch);
      waits.push(publisher.send(batch));
      if (n % 10 === 0) await waits.at(-1);
    }
    await Promise.all(waits);
    const lying = await lie(prefix, topics);
    expect(lying).toHaveLength(sent.length);
    for (const [of, messages] of firstsByKey(lying)) {
      const mine = sent.filter(({ topic, key }) => `${topic} ${key}` === of);
      expect(idsOf(messages)).toEqual(idsOf(mine));
    }
    expect(publisher.problems()).toEqual([]);
  });

  it('cuts what is too large in one piece, and names a message that is too large by itself', async () => {
    const publisher = openOn(prefix);
    const topic = `${prefix}payment.events`;
    const lieThere = () => lie(prefix, ['payment.events']);
    const of = { topic: 'payment.events' };
    const key = keys[0]!;
    const small = Array.from({ length: 12 }, () => message(key, { ...of, pad: 1_000 }));
    await publisher.send(small);
    expect(idsOf(await lieThere())).toEqual(idsOf(small));

    const large = message(key, { ...of, pad: 10_000 });
    const after = message(key, of);
    const sent = publisher.send([large, after]);
    await until(() => publisher.problems().length > 0);
    expect(publisher.problems()[0]).toContain(`OrderCompleted ${large.id} to ${topic}`);
    expect(publisher.problems()[0]).toContain('raise max.message.bytes');
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'max.message.bytes', value: '1000000' }],
        },
      ],
    });
    await sent;
    expect(publisher.problems()).toEqual([]);
    expect(idsOf(await lieThere())).toEqual(idsOf([...small, large, after]));
  });

  it('waits for topics that are missing, says so, and then sends in order', async () => {
    const publisher = openOn(later);
    const sent = [message(keys[0]!), message(keys[0]!)];
    const waits = sent.map((it) => publisher.send([it]));
    await until(() => publisher.problems()[0]?.includes('recourse topics') === true);
    await makeTopics(later, 1);
    await Promise.all(waits);
    expect(idsOf(await lie(later))).toEqual(idsOf(sent));
    expect(publisher.problems()).toEqual([]);
  });

  it('does not send what has become stale while it waited', async () => {
    const publisher = openOn(prefix);
    const [first, stale, fresh] = [message(keys[0]!), message(keys[1]!), message(keys[2]!)];
    let isOver = false;
    const begun = publisher.send([first]);
    const second = publisher.send([stale, fresh], ({ id }) => isOver && id === stale.id);
    isOver = true;
    await Promise.all([begun, second]);
    expect(idsOf(await lie()).toSorted()).toEqual([first.id, fresh.id].toSorted());
  });

  it('rejects what it cannot send any more when it is closed', async () => {
    const publisher = openPublisher({
      kafka: { brokers: ['127.0.0.1:1'], clientId: 'test' },
      prefix: 'nowhere.',
      clock: systemClock,
      logger: silent,
    });
    const sent = expect(publisher.send([message(keys[0]!)])).rejects.toThrow(UnavailableError);
    await publisher.close();
    await sent;
    await expect(publisher.send([message(keys[0]!)])).rejects.toThrow(UnavailableError);
  });
});
