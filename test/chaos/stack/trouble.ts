import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fleet } from '../../fleet.ts';
import type { Random } from '../../random.ts';
import { startServer } from '../../server.ts';
import { freePort } from '../../stack/ports.ts';
import type { Stack } from '../../stack/stack.ts';
import type { Absences } from './away.ts';

/** What is done to a running installation, and when. */

/** One disturbance: what it is called, and how it is done; it resolves when what was taken away is there again. */
export type Trouble = { readonly what: string; readonly atMs: number; run(): Promise<void> };

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** How long the larger troubles last: as real ones do, or short enough for a run of two minutes. */
export type Lengths = {
  readonly processPausedMs: number;
  readonly postgresAwayMs: number;
  readonly kafkaAwayMs: number;
  readonly stormMembers: number;
};

export const realLengths: Lengths = {
  processPausedMs: 60_000,
  postgresAwayMs: 120_000,
  kafkaAwayMs: 3_000,
  stormMembers: 5,
};

export const shortLengths: Lengths = {
  processPausedMs: 20_000,
  postgresAwayMs: 15_000,
  kafkaAwayMs: 2_000,
  stormMembers: 2,
};

/** What is troubled. */
export type Troubled = {
  readonly stack: Stack;
  readonly fleet: Fleet;
  readonly lengths: Lengths;
  readonly runMs: number;
  readonly random: Random;
  /** Told when Kafka or PostgreSQL is taken away. */
  readonly away: Absences;
  readonly logFolder: string;
};

/** The larger troubles, spread over a run of so many milliseconds, each in its turn. */
export const largerTroubles = (troubled: Troubled): readonly Trouble[] => {
  const { stack, fleet, lengths, runMs, random, away, logFolder } = troubled;
  const { processPausedMs, postgresAwayMs, kafkaAwayMs, stormMembers } = lengths;
  const one = () => fleet.members[Math.floor(random() * fleet.members.length)]!;
  const all: Omit<Trouble, 'atMs'>[] = [
    {
      what: 'Kafka killed and started again',
      run: () =>
        away.during(async () => {
          await stack.kafka.kill();
          await pause(kafkaAwayMs);
          await stack.kafka.start();
        }),
    },
    {
      what: 'PostgreSQL stopped at once and started again',
      run: () =>
        away.during(async () => {
          await stack.postgres.stop('immediate');
          await stack.postgres.start();
        }),
    },
    {
      what: `a process paused for ${processPausedMs / 1_000} s`,
      run: async () => {
        const member = one();
        member.signal('SIGSTOP');
        await pause(processPausedMs);
        member.signal('SIGCONT');
      },
    },
    {
      what: `${stormMembers} more members join every group and leave again`,
      run: () => storm(stack, stormMembers, join(logFolder, 'storm.log')),
    },
    {
      what: `PostgreSQL away for ${postgresAwayMs / 1_000} s`,
      run: () =>
        away.during(async () => {
          await stack.postgres.stop('immediate');
          await pause(postgresAwayMs);
          await stack.postgres.start();
        }),
    },
  ];
  return all.map((it, index) => ({ ...it, atMs: ((index + 0.5) / all.length) * runMs }));
};

/** Members that come and go: each makes every group share its partitions anew, twice. */
const storm = async ({ environment }: Stack, members: number, logFile: string): Promise<void> => {
  const log = await open(logFile, 'a');
  try {
    for (let index = 0; index < members; index += 1) {
      const server = await startServer('unused', {
        port: await freePort(),
        environment,
        args: ['--role', 'orchestrator,timers,order,payment,inventory,shipping', '--log-level', 'info'],
        stdio: ['ignore', log.fd, log.fd],
      }).catch(() => undefined);
      await server?.stop();
    }
  } finally {
    await log.close();
  }
};
