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
  readonly controllerPort: number;
  readonly onEnd: (error: Error) => void;
};

const heapMbMax = 768;

/** A broker of one node in `folder`, formatted, not started. It keeps its data from start to start. */
export const prepareKafka = async (options: KafkaOptions, guard: Guard): Promise<StackServer> => {
  const { java, jars, folder, port, onEnd } = options;
  const data = join(folder, 'data');
  const properties = join(folder, 'server.properties');
  const logging = join(folder, 'log4j2.properties');
  await mkdir(data, { recursive: true });
  await writeFile(properties, propertiesOf({ ...options, data }));
  await writeFile(logging, loggingProperties);
  const clusterId = randomBytes(16).toString('base64url');
  const format = [
    'kafka.tools.StorageTool',
    'format',
    '--standalone',
    `--cluster-id=${clusterId}`,
    '-c',
    properties,
  ];
  await run(java, ['-XX:TieredStopAtLevel=1', '-cp', classPath(jars), ...format]);
  return stackServer(
    {
      name: 'Kafka',
      port,
      command: java,
      args: [
        `-Xmx${heapMbMax}m`,
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

/** Settings of one node that is quick to come back: the broker's own session is what a restart waits for. */
const propertiesOf = ({ port, controllerPort, data }: KafkaOptions & { readonly data: string }) =>
  `process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}
log.dirs=${data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
min.insync.replicas=1
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
