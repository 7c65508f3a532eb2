import { afterAll, expect, it } from '@jest/globals';
import { kafkaClient } from '@recourse/infra/kafka/client';
import { topicNames } from '@recourse/infra/kafka/topics';
import { describeOnStack, freshPrefix, silent, stack } from '../../test/stack/kit.ts';
import { runRecourse } from './testing/run-recourse.ts';

describeOnStack('recourse topics', () => {
  const prefix = freshPrefix();
  const environment = {
    KAFKA_BROKERS: stack.kafkaBrokers.join(','),
    KAFKA_TOPIC_PREFIX: prefix,
    KAFKA_PARTITIONS: '1',
    KAFKA_REPLICATION_FACTOR: '1',
    LOG_LEVEL: 'silent',
  };
  const names = topicNames(prefix).toSorted();

  afterAll(async () => {
    const admin = kafkaClient({ brokers: stack.kafkaBrokers, clientId: 'test' }, silent).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [...names] });
    await admin.disconnect();
  });

  it('checks, makes what is missing, and may be run again', async () => {
    const checked = await runRecourse(['topics', '--check', '--development'], environment);
    expect(checked).toMatchObject({ code: 1, stdout: '' });
    expect(checked.stderr).toContain('Run `recourse topics`');

    const made = await runRecourse(['topics', '--development'], environment);
    expect(made.code).toBe(0);
    expect(made.stdout.trim().split('\n').slice(1)).toHaveLength(names.length);
    expect(made.stdout).toMatch(/order\.commands\.dlq +1 +1 +1 +30 days +made/);
    expect(made.stderr).toContain('This could lose data: min.insync.replicas');

    const again = await runRecourse(['topics', '--json', '--development'], environment);
    const { ok, topics } = JSON.parse(again.stdout);
    expect(ok).toBe(true);
    expect(topics.map(({ name, created }: { name: string; created: boolean }) => [name, created])).toEqual(
      expect.arrayContaining(names.map((name) => [name, false])),
    );
  });

  it('refuses what could lose data where it is not development', async () => {
    const ran = await runRecourse(['topics', '--json'], environment);
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false });
  });

  it('says that Kafka is not there, after waiting for it', async () => {
    const nowhere = { ...environment, KAFKA_BROKERS: '127.0.0.1:1', START_WAIT_MS_MAX: '500' };
    const ran = await runRecourse(['topics'], nowhere);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('Kafka at 127.0.0.1:1 was not reached within 500 ms');
  });

  it('says which setting is missing', async () => {
    const ran = await runRecourse(['topics']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('KAFKA_BROKERS (--kafka-brokers) is not set');
  });
});
