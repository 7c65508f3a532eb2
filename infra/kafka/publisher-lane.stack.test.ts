import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Admin, Kafka, Producer } from 'kafkajs';
import { until } from '../../test/shop.ts';
import { describeOnStack, freshPrefix, silent, stack } from '../../test/stack/kit.ts';
import type { Message } from '../ports/broker.ts';
import { systemClock } from '../system.ts';
import { type KafkaSettings, kafkaClient } from './client.ts';
import { openLane } from './publisher-lane.ts';
import { firstsByKey, readTopics } from './testing/read-topics.ts';

const kafka: KafkaSettings = { brokers: stack.kafkaBrokers, clientId: 'test' };
const partitions = 3;

type SendBatch = Producer['sendBatch'];

describeOnStack('a lane of the publisher', () => {
  const client = kafkaClient(kafka, silent);
  const prefixes: string[] = [];
  let admin: Admin;
  beforeAll(async () => {
    admin = client.admin();
    await admin.connect();
  });
  afterAll(async () => {
    await admin.deleteTopics({ topics: prefixes.map((prefix) => `${prefix}order.events`) });
    await admin.disconnect();
  });

  /** A client each of whose producers sends as `sendBatch` says, which is given what it would do. */
  const clientWith = (sendBatch: (real: SendBatch) => SendBatch) => {
    let made = 0;
    const faulty: Pick<Kafka, 'producer'> = {
      producer: (options) => {
        made += 1;
        const real = client.producer(options);
        return { ...real, sendBatch: sendBatch(real.sendBatch) };
      },
    };
    return { client: faulty, producersMade: () => made };
  };

  /** Sends 600 messages of ten keys, some at a time; resolves with what lies in the topic, and what was sent. */
  const sendThrough = async (faulty: Pick<Kafka, 'producer'>) => {
    const prefix = freshPrefix();
    prefixes.push(prefix);
    const topic = `${prefix}order.events`;
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] });
    const closing = new AbortController();
    const lane = openLane({ client: faulty, clock: systemClock, logger: silent, signal: closing.signal });
    const sent: { id: string; key: string }[] = [];
    const calls: Promise<void>[] = [];
    for (let n = 0; n < 60; n += 1) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const call = { left: 10, isStale: undefined, done: resolve, failed: reject };
      for (let k = 0; k < 10; k += 1) {
        const id = randomUUID();
        const key = `key-${k}`;
        sent.push({ id, key });
        const message = { id, type: 'OrderCompleted' } as unknown as Message;
        const wire = { key, value: '{}', headers: { ce_id: id }, partition: k % partitions };
        lane.add({ topic, bytes: 100, message, call, wire });
      }
      lane.go();
      calls.push(promise);
      if (n % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(calls);
    closing.abort();
    await lane.close();
    return { sent, lying: await readTopics(kafka, prefix, ['order.events'], silent) };
  };

  const expectAllInOrder = ({ sent, lying }: Awaited<ReturnType<typeof sendThrough>>) => {
    const firsts = firstsByKey(lying);
    for (let k = 0; k < 10; k += 1) {
      const mine = sent.filter(({ key }) => key === `key-${k}`).map(({ id }) => id);
      expect(firsts.get(`order.events key-${k}`)!.map(({ id }) => id)).toEqual(mine);
    }
  };

  it('throws a producer away whose send was rejected, and sends the same again over a new one', async () => {
    let sends = 0;
    const faulty = clientWith((real) => {
      let broken = false;
      return async (batch) => {
        if (broken) throw new Error('OUT_OF_ORDER_SEQUENCE_NUMBER');
        sends += 1;
        if (sends % 2 !== 0) return real(batch);
        broken = true;
        // Rejected, and stored or not: nobody knows.
        if (sends % 4 === 0) await real(batch);
        throw new Error('the answer was lost');
      };
    });
    const result = await sendThrough(faulty.client);
    expectAllInOrder(result);
    expect(result.lying.length).toBeGreaterThan(result.sent.length);
    expect(faulty.producersMade()).toBeGreaterThan(2);
  });

  it('does not believe an answer that lacks a partition', async () => {
    let sends = 0;
    const faulty = clientWith((real) => async ({ topicMessages = [], ...batch }) => {
      sends += 1;
      if (sends % 3 !== 0) return real({ ...batch, topicMessages });
      const some = topicMessages.map(({ topic, messages }) => ({
        topic,
        messages: messages.filter(({ partition }) => partition !== 1),
      }));
      return real({ ...batch, topicMessages: some });
    });
    expectAllInOrder(await sendThrough(faulty.client));
    expect(faulty.producersMade()).toBeGreaterThan(1);
  });

  it("tells of nothing once what it could not send is nobody's any more", async () => {
    let isStale = false;
    const faulty = clientWith(() => async () => {
      throw new Error('the broker is away');
    });
    const closing = new AbortController();
    const lane = openLane({
      client: faulty.client,
      clock: systemClock,
      logger: silent,
      signal: closing.signal,
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    lane.add({
      topic: 'nowhere',
      bytes: 100,
      message: { type: 'OrderCreated', id: randomUUID() } as Message,
      call: { left: 1, isStale: () => isStale, done: resolve, failed: reject },
      wire: { key: 'key', value: '{}', headers: {}, partition: 0 },
    });
    lane.go();
    await until(
      async () => lane.problem(),
      (problem) => problem !== undefined,
    );
    isStale = true;
    await promise;
    expect(lane.problem()).toBeUndefined();
    closing.abort();
    await lane.close();
  });
});
