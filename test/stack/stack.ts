import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { groupsForm } from './groups.ts';
import { startGuard } from './guarded.ts';
import { jarsThere, kafkaJars, kafkaVersion } from './jars.ts';
import { prepareKafka } from './kafka.ts';
import { freePorts, mustBeFree } from './ports.ts';
import { type PostgresStop, preparePostgres } from './postgres.ts';
import { findPrograms } from './programs.ts';
import type { StackServer } from './server.ts';

/** A real Kafka and a real PostgreSQL on loopback, with data that nobody needs any more once they are stopped. */
export type Stack = {
  readonly kafka: StackServer & { readonly version: string };
  readonly postgres: StackServer<PostgresStop> & { readonly version: string };
  /** Recourse's settings for it, as environment variables. The URL of PostgreSQL has a password. */
  readonly environment: Readonly<Record<(typeof variables)[number], string>>;
  /** Data and logs. */
  readonly folder: string;
  /** Ends both and removes the folder; nothing is left when it resolves. It happens, too, however this process ends. */
  stop(): Promise<void>;
};

const variables = [
  'KAFKA_BROKERS',
  'POSTGRES_URL',
  'KAFKA_PARTITIONS',
  'KAFKA_REPLICATION_FACTOR',
  'DEVELOPMENT',
] as const;

/** Each fetch asks for every partition that a member has: on one small machine few of them cost least. */
const partitions = 4;

/** All may be left out. */
export type StackOptions = {
  /** Any free one, if left out. */
  readonly kafkaPort?: number;
  readonly postgresPort?: number;
  /** What is prepared, and not started before somebody says `start()`. */
  readonly stopped?: readonly ('kafka' | 'postgres')[];
  /** Files that are removed at the end, too. */
  readonly leftovers?: readonly string[];
  /** How it goes on, in lines for people. */
  say?(line: string): void;
  /** A server has ended by itself. */
  onEnd?(error: Error): void;
};

/**
 * Starts a broker of one node and a server of PostgreSQL. Takes about 5 s, the first time on a machine as long as
 * fetching 43 MB takes. Rejects with `StackMissingError` where programs are missing, with `StartError` where a port is in
 * use; then nothing is left.
 */
export const startStack = async (options: StackOptions = {}): Promise<Stack> => {
  const say = options.say ?? (() => {});
  const onEnd = options.onEnd ?? (() => {});
  const programs = await findPrograms(jarsThere());
  const jars = await kafkaJars(programs.mvn, say);
  const [freeKafka, controllerPort, freePostgres] = (await freePorts(3)) as [number, number, number];
  if (options.kafkaPort !== undefined) await mustBeFree('--kafka-port', options.kafkaPort);
  if (options.postgresPort !== undefined) await mustBeFree('--postgres-port', options.postgresPort);

  const folder = await mkdtemp(join(tmpdir(), 'recourse-stack-'));
  // Another user may have to go through it to what is his.
  await chmod(folder, 0o711);
  const guard = startGuard([folder, ...(options.leftovers ?? [])]);
  try {
    const [kafka, postgres] = await settled([
      prepareKafka(
        {
          java: programs.java,
          jars,
          folder: join(folder, 'kafka'),
          port: options.kafkaPort ?? freeKafka,
          controllerPort,
          onEnd,
        },
        guard,
      ),
      preparePostgres(
        {
          bin: programs.postgresBin,
          user: programs.postgresUser,
          folder: join(folder, 'postgres'),
          port: options.postgresPort ?? freePostgres,
          onEnd,
        },
        guard,
      ),
    ]);
    const start = async (
      name: 'kafka' | 'postgres',
      server: Pick<StackServer, 'start' | 'port'>,
      words: string,
    ) => {
      if (options.stopped?.includes(name)) return;
      await server.start();
      if (name === 'kafka') await groupsForm(`127.0.0.1:${server.port}`);
      say(words);
    };
    await settled([
      start('kafka', kafka, `Kafka ${kafkaVersion} answers on 127.0.0.1:${kafka.port}`),
      start(
        'postgres',
        postgres.server,
        `PostgreSQL ${postgres.version} answers on 127.0.0.1:${postgres.server.port}`,
      ),
    ]);
    return {
      kafka: { ...kafka, version: kafkaVersion },
      postgres: { ...postgres.server, version: postgres.version },
      environment: {
        KAFKA_BROKERS: `127.0.0.1:${kafka.port}`,
        POSTGRES_URL: postgres.url,
        KAFKA_PARTITIONS: String(partitions),
        KAFKA_REPLICATION_FACTOR: '1',
        DEVELOPMENT: 'true',
      },
      folder,
      stop: async () => {
        await Promise.all([kafka.kill(), postgres.server.stop('immediate')]);
        await guard.end();
      },
    };
  } catch (error) {
    await guard.end();
    throw error;
  }
};

/** All results; rejects with the first failure, but only when all have come to their end. */
export const settled = async <T extends readonly unknown[]>(
  work: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> => {
  await Promise.allSettled(work);
  return (await Promise.all(work)) as unknown as T;
};
