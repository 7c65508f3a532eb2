import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import pg from 'pg';

/** What the engines alone do on this machine, through the plain client libraries: what a distributed order is measured by. */

/** Rates a second. */
export type EngineLimits = {
  /** kafkajs, acks of all, idempotent, one send in flight: messages of 500 bytes with eight headers. */
  readonly kafkaProduce: { readonly alone: number; readonly by64: number; readonly by256: number };
  readonly kafkaConsume: number;
  /** pg, synced: rows of 500 bytes. */
  readonly postgresInsert: { readonly alone: number; readonly by64: number; readonly by256: number };
};

const msEach = 2_000;
const value = Buffer.alloc(500, 'x');
const headers = Object.fromEntries(
  Array.from({ length: 8 }, (_, index) => [`h${index}`, 'some-header-text']),
);

/** Repeats something that does so many at a time, for two seconds; resolves with how many a second. */
const rate = async (atATime: number, once: () => Promise<unknown>): Promise<number> => {
  const begin = performance.now();
  let done = 0;
  while (performance.now() - begin < msEach) {
    await once();
    done += atATime;
  }
  return Math.round((done / (performance.now() - begin)) * 1_000);
};

/** Measures both engines. Leaves neither topic nor table behind. */
export const measureEngines = async (
  brokers: readonly string[],
  postgresUrl: string,
): Promise<EngineLimits> => ({
  ...(await measureKafka(brokers)),
  postgresInsert: await measurePostgres(postgresUrl),
});

const measureKafka = async (brokers: readonly string[]) => {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const topic = `bench-${randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 12, replicationFactor: 1 }] });
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  const send = (count: number) =>
    producer.send({
      topic,
      acks: -1,
      messages: Array.from({ length: count }, () => ({ key: randomUUID(), value, headers })),
    });
  const kafkaProduce = {
    alone: await rate(1, () => send(1)),
    by64: await rate(64, () => send(64)),
    by256: await rate(256, () => send(256)),
  };
  await producer.disconnect();
  const kafkaConsume = await consumed(kafka, topic);
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  return { kafkaProduce, kafkaConsume };
};

const consumed = async (kafka: Kafka, topic: string): Promise<number> => {
  const consumer = kafka.consumer({ groupId: topic });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let first: number | undefined;
  let count = 0;
  const over = Promise.withResolvers<void>();
  setTimeout(over.resolve, 2 * msEach);
  let last = 0;
  await consumer.run({
    eachBatch: async ({ batch }) => {
      first ??= performance.now();
      count += batch.messages.length;
      last = performance.now();
    },
  });
  await over.promise;
  await consumer.disconnect();
  return Math.round((count / Math.max(1, last - (first ?? last))) * 1_000);
};

const measurePostgres = async (postgresUrl: string) => {
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  const table = `bench_${randomUUID().replaceAll('-', '')}`;
  await client.query(`create table ${table} (id bigint generated always as identity primary key, data text)`);
  const text = value.toString();
  const insert = (count: number) =>
    client.query({
      name: `insert-${count}`,
      text: `insert into ${table} (data) select unnest($1::text[])`,
      values: [Array.from({ length: count }, () => text)],
    });
  const rates = {
    alone: await rate(1, () => insert(1)),
    by64: await rate(64, () => insert(64)),
    by256: await rate(256, () => insert(256)),
  };
  await client.query(`drop table ${table}`);
  await client.end();
  return rates;
};
