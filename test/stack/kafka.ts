import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Guard } from './guarded.ts';
import { classPath } from './jars.ts';
import { type StackServer, stackServer } from './server.ts';

const run = promisify(execFile);

/** What the broker and its controller, which are one process, are given. */
export type KafkaOptions = {
  readonly java: string;
  readonly jars: string;
  readonly folder: string;
  readonly port: number;
  /** The controller's, which is in the first of several. */
  readonly controllerPort: number;
  /** Where it is one of several; left out, it is alone. */
  readonly among?: KafkaAmong;
  readonly onEnd: (error: Error) => void;
};

/** Which of several brokers it is: the first (1) has the controller, of whom there is one. */
export type KafkaAmong = {
  readonly nodeId: number;
  readonly count: number;
  readonly clusterId: string;
  readonly heapMbMax: number;
};

/** A cluster's id that no other has. */
export const newClusterId = (): string => randomBytes(16).toString('base64url');

const alone = (): KafkaAmong => ({ nodeId: 1, count: 1, clusterId: newClusterId(), heapMbMax: 768 });

/** A broker in `folder`, formatted, not started. It keeps its data from start to start. */
export const prepareKafka = async (options: KafkaOptions, guard: Guard): Promise<StackServer> => {
  const { java, jars, folder, port, among = alone(), onEnd } = options;
  const data = join(folder, 'data');
  const properties = join(folder, 'server.properties');
  const logging = join(folder, 'log4j2.properties');
  await mkdir(data, { recursive: true });
  await writeFile(properties, propertiesOf({ ...options, among, data }));
  await writeFile(logging, loggingProperties);
  const format = [
    'kafka.tools.StorageTool',
    'format',
    among.nodeId === 1 ? '--standalone' : '--no-initial-controllers',
    `--cluster-id=${among.clusterId}`,
    '-c',
    properties,
  ];
  await run(java, ['-XX:TieredStopAtLevel=1', '-cp', classPath(jars), ...format]);
  return stackServer(
    {
      name: among.count === 1 ? 'Kafka' : `Kafka's broker ${among.nodeId}`,
      port,
      command: java,
      args: [
        `-Xmx${among.heapMbMax}m`,
        `-Dlog4j2.configurationFile=${logging}`,
        '-cp',
        classPath(jars),
        'kafka.Kafka',
        properties,
      ],
      cwd: folder,
      user: undefined,
      logFile: join(folder, 'kafka.log'),
      ready: (written) => written.includes('Kafka Server started'),
      signalOf: () => 'SIGTERM',
      lastSignal: 'SIGKILL',
    },
    guard,
    onEnd,
  );
};

type Properties = KafkaOptions & { readonly among: KafkaAmong; readonly data: string };

/** Settings of a node that is quick to come back: the broker's own session is what a restart waits for. */
const propertiesOf = ({ port, controllerPort, among: { nodeId, count }, data }: Properties) =>
  `process.roles=${nodeId === 1 ? 'broker,controller' : 'broker'}
node.id=${nodeId}
listeners=PLAINTEXT://127.0.0.1:${port}${nodeId === 1 ? `,CONTROLLER://127.0.0.1:${controllerPort}` : ''}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}
log.dirs=${data}
auto.create.topics.enable=false
offsets.topic.replication.factor=${count}
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=${count}
transaction.state.log.min.isr=${Math.max(1, count - 1)}
min.insync.replicas=${Math.max(1, count - 1)}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=3000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=8388608
`;

/** Warnings, and the line that says that it has started. */
const loggingProperties = `rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.start.name=kafka.server.KafkaRaftServer
logger.start.level=info
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
`;
