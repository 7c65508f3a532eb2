import type { Socket } from 'node:net';
import { expect, it } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { mendLibrary } from './library.ts';
import { openSmallBroker, readThere } from './testing/small-broker.ts';

/** The client library as it is used, its connections to a broker that ends them in the middle of an answer. */
const partitions = { 'payment.events': 3, 'payment.events.and.some.more.bytes': 7 };

const opened = async (onMetadata: Parameters<typeof openSmallBroker>[1]) => {
  const broker = await openSmallBroker(partitions, onMetadata);
  mendLibrary();
  const kafka = new Kafka({
    brokers: [broker.address],
    requestTimeout: 500,
    retry: { initialRetryTime: 10, retries: 0 },
    logLevel: logLevel.NOTHING,
  });
  const admin = kafka.admin();
  await admin.connect();
  return {
    admin,
    count: async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: Object.keys(partitions) });
      return Object.fromEntries(topics.map((topic) => [topic.name, topic.partitions.length]));
    },
    close: async () => {
      await admin.disconnect();
      await broker.close();
    },
  };
};

it('a connection that was reset in the middle of an answer reads the next answers as they are', async () => {
  let answers = 0;
  const { count, close } = await opened(async (answer, socket) => {
    answers += 1;
    if (answers > 1) return void socket.write(answer);
    socket.write(answer.subarray(0, answer.length >> 1));
    await readThere();
    socket.resetAndDestroy();
  });
  try {
    await expect(count()).rejects.toThrow(/Connection error: read ECONNRESET/);
    expect(await count()).toEqual(partitions);
    expect(await count()).toEqual(partitions);
  } finally {
    await close();
  }
});

it('the rest of an answer that nobody waits for any more does not come between the bytes of another', async () => {
  let before: Socket | undefined;
  const { admin, count, close } = await opened(async (answer, socket) => {
    const half = answer.length >> 1;
    socket.write(answer.subarray(0, half));
    if (before === undefined) {
      before = socket;
      return;
    }
    await readThere();
    // Not quite the rest: were it all of it, it would pass for the rest of the other.
    if (before !== socket) before.write(answer.subarray(half, -1));
    await readThere();
    socket.write(answer.subarray(half));
  });
  try {
    await expect(count()).rejects.toThrow(/timed out/);
    await admin.disconnect();
    await admin.connect();
    expect(await count()).toEqual(partitions);
  } finally {
    await close();
  }
});
