import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { type HttpShop, until } from '../shop.ts';
import { freshPrefix, stack } from '../stack/kit.ts';
import { openStackShop } from '../stack/shop.ts';
import { type Running, shippingExample, startPython } from './python.ts';

/** A shop whose parcels go with somebody else's program, and what speaks on its topics beside both. */
export type ForeignShop = {
  readonly shop: HttpShop;
  /** Starts the program, on the books that it has had before. */
  start(): Promise<Running>;
  /** Puts a message on `shipping.commands` or `shipping.replies`, as anybody could. */
  put(topic: ForeignTopic, orderId: string, message: Said): Promise<void>;
  /** Resolves when a group has committed all that is on a topic now. */
  heardAll(group: 'shipping' | 'ingest', topic: ForeignTopic): Promise<void>;
  /** How many messages were ever put on a topic. */
  endOf(topic: ForeignTopic): Promise<number>;
  /** Removes all that is on a topic. */
  clear(topic: ForeignTopic): Promise<void>;
  end(): Promise<void>;
};

type ForeignTopic = 'shipping.commands' | 'shipping.replies';

/** An answer, or with `id` a command. */
type Said = { readonly type: string; readonly id?: string; readonly data: object };

/** How long the asks of Recourse's own participants are apart; those of the program five times as long. */
const askDelaysMs = '600,600,600,600,600';

/** Opens it, all roles in this process, without the program: `start` it. */
export const openForeignShop = async (): Promise<ForeignShop> => {
  const prefix = freshPrefix();
  const folder = mkdtempSync(join(tmpdir(), 'recourse-foreign-'));
  const kafka = new Kafka({ brokers: stack.kafkaBrokers, clientId: 'test', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await Promise.all([admin.connect(), producer.connect()]);
  const shop = await openStackShop({
    flags: { foreign: 'shipping', kafkaTopicPrefix: prefix, askDelaysMs },
  });
  const running: Running[] = [];
  const offsets = (topic: ForeignTopic) => admin.fetchTopicOffsets(prefix + topic);

  return {
    shop,
    start: async () => {
      const started = await startPython(shippingExample, {
        KAFKA_BROKERS: stack.kafkaBrokers.join(','),
        KAFKA_TOPIC_PREFIX: prefix,
        BOOKS: join(folder, 'books.db'),
      });
      running.push(started);
      return started;
    },
    put: async (topic, orderId, { type, id, data }) => {
      const headers = {
        ce_specversion: '1.0',
        ce_id: id ?? randomUUID(),
        ce_type: type,
        ce_source: '/somebody',
        ce_subject: orderId,
        ce_dataschema: `urn:recourse:${type}:1`,
        'content-type': 'application/json',
      };
      const message = { key: orderId, value: JSON.stringify(data), headers };
      await producer.send({ topic: prefix + topic, messages: [message] });
    },
    heardAll: async (group, topic) => {
      const ends = new Map((await offsets(topic)).map(({ partition, high }) => [partition, Number(high)]));
      await until(
        async () => {
          const [committed] = await admin.fetchOffsets({ groupId: prefix + group, topics: [prefix + topic] });
          return committed!.partitions.map(({ partition, offset }) => [partition, Number(offset)] as const);
        },
        (places) =>
          places.every(([partition, offset]) => offset >= ends.get(partition)! || ends.get(partition) === 0),
        30_000,
      );
    },
    endOf: async (topic) => (await offsets(topic)).reduce((sum, { high }) => sum + Number(high), 0),
    clear: async (topic) => {
      const partitions = (await offsets(topic)).map(({ partition, high }) => ({ partition, offset: high }));
      await admin.deleteTopicRecords({ topic: prefix + topic, partitions });
    },
    end: async () => {
      for (const it of running) await it.stop('SIGKILL');
      await shop.end();
      const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
      if (topics.length > 0) await admin.deleteTopics({ topics });
      await Promise.all([producer.disconnect(), admin.disconnect()]);
      rmSync(folder, { recursive: true });
    },
  };
};
