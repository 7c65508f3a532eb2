import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { groupsForm } from './groups.ts';
import { startGuard } from './guarded.ts';
import { jarsThere, kafkaJars } from './jars.ts';
import { newClusterId, prepareKafka } from './kafka.ts';
import { freePorts } from './ports.ts';
import { findPrograms } from './programs.ts';
import type { StackServer } from './server.ts';
import { settled } from './stack.ts';

/** Several real brokers of one cluster on loopback, for tests of what happens when one of them is gone. */
export type Brokers = {
  /**
   * By their number in Kafka, from 1 on. The first is the controller as well: the others can be killed, and the cluster
   * goes on.
   */
  readonly nodes: ReadonlyMap<number, StackServer>;
  /** `host:port` of each. */
  readonly addresses: readonly string[];
  /** Ends all and removes their data; nothing is left when it resolves. It happens, too, however this process ends. */
  stop(): Promise<void>;
};

/** Each has little to do. */
const heapMbMax = 384;

/**
 * Starts brokers that keep the offsets of groups on all of them, and what a topic is not told otherwise on one fewer at
 * the least. Rejects as `startStack`; then nothing is left.
 */
export const startBrokers = async ({ count }: { readonly count: number }): Promise<Brokers> => {
  const programs = await findPrograms(jarsThere());
  const jars = await kafkaJars(programs.mvn, () => {});
  const [controllerPort, ...ports] = (await freePorts(count + 1)) as [number, ...number[]];
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const folder = await mkdtemp(join(tmpdir(), 'recourse-brokers-'));
  const guard = startGuard([folder]);
  const clusterId = newClusterId();
  const prepare = async (port: number, index: number) => {
    const nodeId = index + 1;
    const among = { nodeId, count, clusterId, heapMbMax };
    const own = { java: programs.java, jars, folder: join(folder, `broker-${nodeId}`), port };
    const server = await prepareKafka({ ...own, controllerPort, among, onEnd: () => {} }, guard);
    return [nodeId, server] as const;
  };
  try {
    const nodes = new Map(await settled(ports.map(prepare)));
    await settled([...nodes.values()].map((node) => node.start()));
    await groupsForm(addresses[0]!);
    return {
      nodes,
      addresses,
      stop: async () => {
        await Promise.all([...nodes.values()].map((node) => node.kill()));
        await guard.end();
      },
    };
  } catch (error) {
    await guard.end();
    throw error;
  }
};
