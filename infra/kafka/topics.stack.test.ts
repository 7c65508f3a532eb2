import { afterAll, expect, it } from '@jest/globals';
import { describeOnStack, freshPrefix, silent, stack } from '../../test/stack/kit.ts';
import { UnavailableError } from '../errors.ts';
import { type KafkaSettings, kafkaClient } from './client.ts';
import { findingsOf, type TopicNow, topicSettings } from './topic-findings.ts';
import { checkTopics, judged, lookAtTopics, prepareTopics, topicNames } from './topics.ts';

const kafka: KafkaSettings = { brokers: stack.kafkaBrokers, clientId: 'test' };
const used: string[] = [];
const optionsOf = (prefix: string) => {
  used.push(prefix);
  return { kafka, prefix, partitions: 1, replicationFactor: 1, logger: silent };
};

describeOnStack('topics of Kafka', () => {
  afterAll(async () => {
    const admin = kafkaClient(kafka, silent).admin();
    await admin.connect();
    const there = new Set(await admin.listTopics());
    await admin.deleteTopics({ topics: used.flatMap(topicNames).filter((name) => there.has(name)) });
    await admin.disconnect();
  });

  it('are made by several at once, each once, as they have to be, and left as they are', async () => {
    const options = optionsOf(freshPrefix());
    const names = topicNames(options.prefix);
    const missing = await lookAtTopics(options);
    expect(missing.topics).toEqual([]);
    expect(missing.findings.map(({ topic, about }) => [topic, about])).toEqual(
      names.map((name) => [name, 'topic']),
    );
    await Promise.all([1, 2, 3].map(() => lookAtTopics({ ...options, create: true })));
    const { topics, findings } = await lookAtTopics({ ...options, create: true });
    expect(topics.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    for (const topic of topics) {
      expect(topic).toMatchObject({ partitions: 1, replicationFactor: 1, created: false });
      expect(Object.fromEntries(topic.settings)).toEqual(topicSettings(1));
    }
    // All that a single broker cannot do, and nothing else.
    expect(new Set(findings.map(({ about }) => about))).toEqual(
      new Set(['replication factor', 'min.insync.replicas']),
    );
  });

  it('that are missing are refused, or made where it is development', async () => {
    const options = optionsOf(freshPrefix());
    await expect(checkTopics({ ...options, development: true })).rejects.toMatchObject({
      name: 'StartError',
      code: 'kafka-settings',
      message: expect.stringContaining('Run `recourse topics`'),
    });
    await prepareTopics({ ...options, development: true });
    await checkTopics({ ...options, development: true });
    const refused = checkTopics({ ...options, development: false });
    await expect(refused).rejects.toMatchObject({ code: 'kafka-settings' });
    await expect(refused).rejects.toThrow(
      /replication factor: .*\nmin\.insync\.replicas: .*\n.*DEVELOPMENT=true/,
    );
  });

  it('with another number of partitions are refused, also for development, with the reason', async () => {
    const options = optionsOf(freshPrefix());
    await prepareTopics({ ...options, development: true });
    const raised = { ...options, partitions: 2, create: true, development: true };
    await expect(checkTopics(raised)).rejects.toThrow('set KAFKA_PARTITIONS=1');
    const { topics } = await lookAtTopics({ ...options, partitions: 2, create: true });
    expect(topics.every(({ partitions }) => partitions === 1)).toBe(true);
  });

  it('tell what to set where there are fewer brokers than copies', async () => {
    const options = { ...optionsOf(freshPrefix()), replicationFactor: 3, create: true };
    await expect(lookAtTopics(options)).rejects.toMatchObject({
      code: 'kafka-settings',
      message: expect.stringContaining('KAFKA_REPLICATION_FACTOR=1'),
    });
  });

  it('cannot be looked at where there is no broker, and that is said soon', async () => {
    const nowhere = { ...optionsOf(freshPrefix()), kafka: { brokers: ['127.0.0.1:1'], clientId: 'test' } };
    await expect(lookAtTopics(nowhere)).rejects.toThrow(UnavailableError);
  });

  const sound: TopicNow = {
    name: 't',
    partitions: 12,
    replicationFactor: 3,
    settings: new Map(Object.entries(topicSettings(3))),
  };
  const wanted = { partitions: 12, replicationFactor: 3 };
  const found = (changes: Partial<TopicNow>, settings: Record<string, string> = {}) =>
    findingsOf(
      { ...sound, ...changes, settings: new Map([...sound.settings, ...Object.entries(settings)]) },
      wanted,
    );

  it('are sound as they are made on three brokers', () => {
    expect(found({})).toEqual([]);
    expect(found({}, { 'retention.ms': '-1' })).toEqual([]);
  });

  it.each([
    ['replication factor', 'loss', { replicationFactor: 2 }, {}],
    ['min.insync.replicas', 'loss', {}, { 'min.insync.replicas': '1' }],
    ['min.insync.replicas', 'refused', {}, { 'min.insync.replicas': '4' }],
    ['unclean.leader.election.enable', 'loss', {}, { 'unclean.leader.election.enable': 'true' }],
    ['retention.ms', 'loss', {}, { 'retention.ms': '604800000' }],
    ['retention.bytes', 'loss', {}, { 'retention.bytes': '1000000' }],
    ['cleanup.policy', 'loss', {}, { 'cleanup.policy': 'compact,delete' }],
    ['message.timestamp.type', 'loss', {}, { 'message.timestamp.type': 'CreateTime' }],
    ['max.message.bytes', 'refused', {}, { 'max.message.bytes': '1000' }],
    ['partitions', 'refused', { partitions: 13 }, {}],
  ] as const)('have their %s looked at: %s', (about, severity, changes, settings) => {
    const findings = found(changes, settings);
    expect(findings).toEqual([{ topic: 't', about, severity, words: expect.any(String) }]);
    expect(judged(findings, true).refused).toHaveLength(severity === 'refused' ? 1 : 0);
    expect(judged(findings, false).refused).toHaveLength(1);
  });
});
