import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { kafkaClient } from '@recourse/infra/kafka/client';
import pg from 'pg';
import { until } from '../shop.ts';
import { describeOnOwnServers, silent } from './kit.ts';
import { isAlive } from './processes.ts';
import { type Stack, startStack } from './stack.ts';

const topic = 'kept';

describeOnOwnServers('a stack of a test of its own', () => {
  let stack: Stack;
  const ended: string[] = [];
  const everSeen = new Set<number>();

  beforeAll(async () => {
    stack = await startStack({ onEnd: (error) => ended.push(error.message) });
  });
  afterAll(() => stack?.stop());

  const notePids = () => {
    for (const pid of [...stack.kafka.pids(), ...stack.postgres.pids()]) everSeen.add(pid);
  };

  const onDatabase = async (statement: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: stack.environment.POSTGRES_URL });
    await client.connect();
    try {
      return (await client.query(statement)).rows;
    } finally {
      await client.end();
    }
  };

  const kafka = () =>
    kafkaClient({ brokers: [stack.environment.KAFKA_BROKERS], clientId: 'stack-test' }, silent);

  it('keeps what was acknowledged over kill -9, with old ports and passwords, and syncs', async () => {
    await onDatabase('create table kept as select 7 as n');
    expect(await onDatabase('show fsync')).toEqual([{ fsync: 'on' }]);
    const admin = kafka().admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
    const producer = kafka().producer();
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: [{ key: 'a', value: 'b' }] });
    await producer.disconnect();
    notePids();
    const before = [...stack.kafka.pids(), ...stack.postgres.pids()];

    await Promise.all([stack.kafka.kill(), stack.postgres.kill()]);
    expect(before.filter(isAlive)).toEqual([]);
    expect([stack.kafka.pids(), stack.postgres.pids()]).toEqual([[], []]);
    await Promise.all([stack.kafka.start(), stack.postgres.start()]);
    notePids();

    expect(await onDatabase('select n from kept')).toEqual([{ n: 7 }]);
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ high: '1' }]);
    await admin.disconnect();
    expect(ended).toEqual([]);
  });

  it('stops and starts PostgreSQL in each of its ways, and twice is once', async () => {
    for (const how of ['smart', 'fast', 'immediate'] as const) {
      await stack.postgres.stop(how);
      await stack.postgres.stop(how);
      expect(stack.postgres.pids()).toEqual([]);
      await Promise.all([stack.postgres.start(), stack.postgres.start()]);
      expect(await onDatabase('select n from kept')).toEqual([{ n: 7 }]);
    }
    expect(ended).toEqual([]);
  });

  it('halts all processes of a server, and lets them go on', async () => {
    for (const server of [stack.kafka, stack.postgres]) {
      server.pause();
      await until(
        async () => server.pids().map(stateOf),
        (states) => states.every((state) => state === 'T'),
      );
      server.resume();
      await until(
        async () => server.pids().map(stateOf),
        (states) => states.every((state) => state !== 'T'),
      );
    }
    expect(await onDatabase('select n from kept')).toEqual([{ n: 7 }]);
    expect(stack.kafka.cpuSeconds()).toBeGreaterThan(0.1);
  });

  it('says that a server has ended by itself, with its last lines, and starts it again', async () => {
    const [pid] = stack.postgres.pids();
    process.kill(pid!, 'SIGINT');
    await until(
      async () => ended,
      (them) => them.length === 1,
    );
    expect(ended[0]).toMatch(/^PostgreSQL has ended\. Its last lines:\n(.|\n)*database system is shut down/);
    await stack.postgres.start();
    expect(await onDatabase('select n from kept')).toEqual([{ n: 7 }]);
  });

  it('leaves nothing behind when it is stopped, while it is paused, too', async () => {
    notePids();
    stack.postgres.pause();
    await stack.stop();
    expect([...everSeen].filter(isAlive)).toEqual([]);
    expect(existsSync(stack.folder)).toBe(false);
  });
});

/** As the system has it: T is halted by a signal. */
const stateOf = (pid: number): string | undefined => {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
};
