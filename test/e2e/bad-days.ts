import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { kafkaClient } from '@recourse/infra/kafka/client';
import { type Admin, Partitioners, type Producer } from 'kafkajs';
import { type HttpShop, shopAt, until } from '../shop.ts';
import { type FreshDatabase, freshDatabase, freshPrefix, silent, stack } from '../stack/kit.ts';
import { freePort } from '../stack/ports.ts';

/** How tests of bad days see a process of a distributed installation: by what it says, and by how it ends. */

/** A process that may never become ready. */
export type Run = Omit<HttpShop, 'end'> & {
  readonly pid: number;
  /** What it has said so far, on stdout and stderr. */
  said(): string;
  /** Waits until it has said something of the kind. */
  says(what: RegExp, withinMs?: number): Promise<void>;
  /** Waits until it answers that it is ready. */
  ready(withinMs?: number): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** How it has ended, where it has. */
  end(): number | NodeJS.Signals | undefined;
  /** Memory that it holds now, in MB. */
  memoryMb(): Promise<number>;
};

const command = fileURLToPath(new URL('../../services/host/recourse.mjs', import.meta.url));
const running = new Set<Run>();

/** How long a test of bad days may take: servers and processes start in it, on a machine that may be busy. */
export const badDayMsMax = 300_000;

/** Short waits between asks, so that what has to be asked again is asked within a test. */
const settings = ['--ask-delays-ms', '500,1000,2000,4000', '--slow-ms', '300'];

/** Starts `recourse start`, and waits for nothing. `environment`: where Kafka and the databases are, and what else. */
export const runRecourse = async (
  environment: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<Run> => {
  const port = await freePort();
  // Kafka's client library has other defaults where NODE_ENV is test.
  const { NODE_ENV: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [command, 'start', '--port', String(port), ...settings, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, LOG_FORMAT: 'json', ...environment },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  let end: number | NodeJS.Signals | undefined;
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => {
      end = code ?? signal ?? 'SIGKILL';
      running.delete(run);
      resolve(end);
    });
  });
  const hasEnded = () => `it has ended (${end}): ${said}`;
  const shop = shopAt(`http://127.0.0.1:${port}`, {
    onUnreachable: async (error) => {
      // What refuses a connection is about to end, if it has not.
      await Promise.race([ended, setTimeout(1_000)]);
      if (end !== undefined) throw new Error(hasEnded(), { cause: error });
    },
  });
  const run: Run = {
    ...shop,
    pid: child.pid!,
    said: () => said,
    says: async (what, withinMs = 30_000) => {
      await until(
        async () => ({ said, end }),
        (now) => what.test(now.said) || now.end !== undefined,
        withinMs,
      );
      if (!what.test(said)) throw new Error(`it has ended (${end}) and never said ${what}: ${said}`);
    },
    ready: async (withinMs = 60_000) => {
      await until(
        async () =>
          end !== undefined ? end : (await shop.get('/health/ready').catch(() => undefined))?.status,
        (status) => status === 200 || end !== undefined,
        withinMs,
      );
      if (end !== undefined) throw new Error(hasEnded());
    },
    signal: (signal) => void child.kill(signal),
    ended,
    end: () => end,
    memoryMb: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
    },
  };
  running.add(run);
  return run;
};

/** Ends what a test has left running. */
export const endRuns = async (): Promise<void> => {
  await Promise.all(
    [...running].map((run) => {
      run.signal('SIGCONT');
      run.signal('SIGKILL');
      return run.ended;
    }),
  );
};

/** Waits until every one of these orders has ended, as an order and as a saga; resolves with their states, counted. */
export const allEnded = async (
  shop: Pick<HttpShop, 'get'>,
  orderIds: readonly string[],
  withinMs = 90_000,
): Promise<Readonly<Record<string, number>>> => {
  const states: Record<string, number> = {};
  const end = performance.now() + withinMs;
  for (const orderId of orderIds) {
    const { body } = await until(
      () => shop.get(`/sagas/${orderId}`),
      ({ body: { state } }) => state === 'completed' || state === 'cancelled',
      Math.max(1_000, end - performance.now()),
    );
    states[body.state] = (states[body.state] ?? 0) + 1;
  }
  return states;
};

/** A place for an installation of its own on the stack: a database, and topics under a prefix. */
export type Place = {
  readonly database: FreshDatabase;
  readonly prefix: string;
  readonly environment: Readonly<Record<string, string>>;
  /** A plain client of the stack's Kafka. */
  readonly admin: Admin;
  /** How many messages a topic (its name without the prefix) has had. */
  sentTo(topic: string): Promise<number>;
  /** Puts a message on a topic (its name without the prefix) as somebody else would. */
  put(topic: string, message: Parameters<Producer['send']>[0]['messages'][number]): Promise<void>;
  /** Removes database and topics. */
  drop(): Promise<void>;
};

/** Makes a place. The topics are made by the first process that starts there. */
export const freshPlace = async (partitions = 2): Promise<Place> => {
  const database = await freshDatabase({ migrated: false });
  const prefix = freshPrefix();
  const kafka = kafkaClient({ brokers: stack.kafkaBrokers, clientId: 'test' }, silent);
  const admin = kafka.admin();
  await admin.connect();
  return {
    database,
    prefix,
    environment: {
      KAFKA_BROKERS: stack.kafkaBrokers.join(','),
      KAFKA_TOPIC_PREFIX: prefix,
      KAFKA_PARTITIONS: String(partitions),
      KAFKA_REPLICATION_FACTOR: '1',
      DEVELOPMENT: 'true',
      POSTGRES_URL: database.settings.url,
      LOG_LEVEL: 'warn',
    },
    admin,
    sentTo: async (topic) =>
      (await admin.fetchTopicOffsets(prefix + topic)).reduce((sum, { high }) => sum + Number(high), 0),
    put: async (topic, message) => {
      const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
      await producer.connect();
      await producer.send({ topic: prefix + topic, messages: [message] });
      await producer.disconnect();
    },
    drop: async () => {
      const names = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
      if (names.length > 0) await admin.deleteTopics({ topics: names });
      await admin.disconnect();
      await database.drop();
    },
  };
};
