import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from '../../http.ts';
import { type CountedRecovery, counted, type Recovery, timeToProgress } from './progress.ts';
import { watchStarts } from './starts.ts';
import { largerTroubles, type Troubled } from './trouble.ts';

/** Everything that goes wrong in a run, and how long after each orders ended again. */

/** What is disturbed, and who is told. */
type Disturbed = Troubled & {
  /** Those that take orders. */
  readonly urls: () => readonly string[];
  /** The time since the beginning of the run. */
  readonly elapsedMs: () => number;
  readonly say: (line: string) => void;
};

/** What was done; `recoveries` resolves when after the last of it, too, orders have ended. */
type Disturbances = {
  readonly kills: number;
  readonly troubles: readonly string[];
  readonly recoveries: Promise<readonly CountedRecovery[]>;
  /** How long each process that was started again took until it was ready, in milliseconds. */
  readonly startsMs: readonly number[];
};

/** Kills come this far apart. */
const killEveryMsMin = 2_000;
const killEveryMsMax = 5_000;
/** What takes longer, while everything is there, is kept with the history of the order that ended last. */
const slowMs = 10_000;

/** Kills a process again and again, and makes each of the larger troubles once; resolves when the run is over. */
export const disturb = async (disturbed: Disturbed): Promise<Disturbances> => {
  const { fleet, urls, runMs, random, elapsedMs, away, say, logFolder } = disturbed;
  const probing: Promise<Recovery>[] = [];
  const probe = (what: string) => {
    const number = probing.length;
    const probed = timeToProgress(urls, { what, number }, elapsedMs, away).then(async (recovery) => {
      say(lineOf(recovery));
      if (recovery.recoveredMs - recovery.awayMs > slowMs) await keep(recovery, number);
      return recovery;
    });
    probing.push(probed);
  };
  const keep = async (recovery: Recovery, number: number) => {
    const answer = await ask(`${urls()[0]}/sagas/${recovery.slowestOrderId}/history`).catch(() => undefined);
    const history = await answer?.json().catch(() => undefined);
    const text = JSON.stringify({ ...recovery, history }, null, 2);
    await writeFile(join(logFolder, `slow-${number}.json`), `${text}\n`);
  };

  let kills = 0;
  const killer = async () => {
    while (elapsedMs() < runMs - killEveryMsMax) {
      await pause(killEveryMsMin + random() * (killEveryMsMax - killEveryMsMin));
      const member = fleet.members[Math.floor(random() * fleet.members.length)]!;
      if (member.server() === undefined) continue;
      member.signal('SIGKILL');
      kills += 1;
      probe(`${member.name} killed`);
    }
  };
  const troubles: string[] = [];
  const troublemaker = async () => {
    for (const trouble of largerTroubles(disturbed)) {
      await pause(Math.max(0, trouble.atMs - elapsedMs()));
      say(`${seconds(elapsedMs())}  ${trouble.what}`);
      troubles.push(trouble.what);
      await trouble.run();
      probe(`after: ${trouble.what}`);
    }
  };
  const starts = watchStarts(fleet.members);
  try {
    await Promise.all([killer(), troublemaker(), pause(runMs)]);
  } finally {
    starts.stop();
  }
  return { kills, troubles, recoveries: Promise.all(probing).then(counted), startsMs: starts.ms };
};

const lineOf = ({ what, atMs, recoveredMs, awayMs }: Recovery) => {
  const without = awayMs === 0 ? '' : `, for ${seconds(awayMs)} of it without Kafka or PostgreSQL`;
  return `${seconds(atMs)}  ${what}: orders end again after ${seconds(recoveredMs)}${without}`;
};

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
