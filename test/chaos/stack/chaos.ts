import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startFleet, twoOfEach } from '../../fleet.ts';
import { randomFrom } from '../../random.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import { absences } from './away.ts';
import { disturb } from './disturb.ts';
import { type Figures, figuresOf } from './figures.ts';
import { judge, type Verdict } from './judge.ts';
import { persist, placeOrders } from './orders.ts';
import type { CountedRecovery } from './progress.ts';
import type { Lengths } from './trouble.ts';

/** How a run is made. */
export type ChaosOptions = {
  readonly minutes: number;
  /** How many orders come in, spread over the run; what it has held up may come for as long again. */
  readonly orders: number;
  readonly clients: number;
  readonly lengths: Lengths;
  readonly seed: number;
  /** Where what every process says goes, a file for each. It must be there. */
  readonly logFolder: string;
  readonly say: (line: string) => void;
  /** Called once a second with how many orders are acknowledged, and how long things go wrong yet. */
  readonly onProgress?: (acknowledged: number, leftMs: number) => void;
};

/** What was done, and what came of it. */
export type ChaosReport = Figures & {
  readonly seed: number;
  readonly seconds: number;
  readonly kills: number;
  readonly troubles: readonly string[];
  /** Exits that nobody asked for, besides kills: a process that found that it could not go on. */
  readonly exits: readonly string[];
  readonly ordersWanted: number;
  /** Acknowledged; fewer than wanted where twice the minutes were not enough. */
  readonly ordersPlaced: number;
  readonly recoveries: readonly CountedRecovery[];
  readonly refused: readonly string[];
  readonly verdict: Verdict;
};

/** Short waits, so that what has to be asked again is asked within the run. */
const settings = [
  ...['--ask-delays-ms', '500,1000,2000,4000,8000'],
  ...['--call-ms-max', '1000'],
  ...['--slow-ms', '300'],
  ...['--saga-version', '2'],
  ...['--saga-ramp-percent', '50'],
];
const progressEveryMs = 1_000;

/**
 * Two of each role over a real Kafka and a real PostgreSQL, orders coming in, and everything that can go wrong going
 * wrong: processes killed, paused, joining and leaving, Kafka and PostgreSQL killed and away. Then everything must have
 * come to its end. The order of the troubles follows from the seed; what they meet does not.
 */
export const runChaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const stack = await startStack({ say: options.say });
  try {
    return await runOn(stack, options);
  } finally {
    for (const { logFile } of [stack.kafka, stack.postgres])
      await copyFile(logFile, join(options.logFolder, logFile.split('/').at(-1)!)).catch(() => {});
    await stack.stop();
  }
};

const runOn = async (stack: Stack, options: ChaosOptions): Promise<ChaosReport> => {
  const { orders, clients, seed, logFolder, say, onProgress } = options;
  const exits: string[] = [];
  const fleet = await startFleet({
    companies: twoOfEach,
    environment: stack.environment,
    args: settings,
    logFolder,
    onExit: ({ name }, code) => {
      if (code !== null) exits.push(`${name} left with exit code ${code}`);
    },
  });
  try {
    const urls = () => fleet.apis().map(({ url }) => url);
    for (const [sku, quantity] of [
      ['SKU-A', 10_000_000],
      ['SKU-B', 50],
    ] as const)
      await persist(urls, `/inventory/${sku}/receipts`, JSON.stringify({ quantity }), `stock-${sku}`);

    const begin = performance.now();
    const elapsedMs = () => performance.now() - begin;
    const runMs = options.minutes * 60_000;
    const load = placeOrders({ urls, clients, pace: { orders, runMs }, elapsedMs });
    const away = absences(elapsedMs);
    const random = randomFrom(seed);
    const progress = setInterval(
      () => onProgress?.(load.acknowledged.length, Math.max(0, runMs - elapsedMs())),
      progressEveryMs,
    );
    const disturbing = disturb({ ...options, stack, fleet, urls, runMs, elapsedMs, away, random });
    const [disturbed] = await Promise.all([disturbing, load.done]).finally(() => clearInterval(progress));
    say(
      `${load.acknowledged.length} orders acknowledged, ${disturbed.kills} kills; waiting for the last to end`,
    );
    const recoveries = await disturbed.recoveries;
    const verdict = await judge(urls, stack.environment.POSTGRES_URL, load.acknowledged);
    return {
      seed,
      seconds: Math.round(elapsedMs() / 1_000),
      kills: disturbed.kills,
      troubles: disturbed.troubles,
      exits,
      ordersWanted: orders,
      ordersPlaced: load.acknowledged.length,
      recoveries,
      ...figuresOf(recoveries, disturbed.startsMs),
      refused: load.refused,
      verdict,
    };
  } finally {
    await fleet.stop();
  }
};
