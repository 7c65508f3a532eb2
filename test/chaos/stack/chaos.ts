import { startFleet, twoOfEach } from '../../fleet.ts';
import { randomFrom } from '../../random.ts';
import { startStack } from '../../stack/stack.ts';
import { judge, type Verdict } from './judge.ts';
import { persist, placeOrders } from './orders.ts';
import { type Recovery, timeToProgress } from './progress.ts';
import { type Lengths, largerTroubles } from './trouble.ts';

/** How a run is made. */
export type ChaosOptions = {
  readonly minutes: number;
  /** How many orders come in, spread over the run. */
  readonly orders: number;
  readonly clients: number;
  readonly lengths: Lengths;
  readonly seed: number;
  /** Keeps what every process said. */
  readonly logFolder?: string | undefined;
  readonly say: (line: string) => void;
};

/** What was done, and what came of it. */
export type ChaosReport = {
  readonly seed: number;
  readonly seconds: number;
  readonly kills: number;
  readonly troubles: readonly string[];
  /** Exits that nobody asked for, besides kills: a process that found that it could not go on. */
  readonly exits: readonly string[];
  readonly recoveries: readonly Recovery[];
  readonly recoveredP50Ms: number;
  readonly recoveredP99Ms: number;
  readonly refused: readonly string[];
  readonly verdict: Verdict;
};

/** Kills come this far apart. */
const killEveryMsMin = 2_000;
const killEveryMsMax = 5_000;

/** Short waits, so that what has to be asked again is asked within the run. */
const settings = [
  '--ask-delays-ms',
  '500,1000,2000,4000,8000',
  '--call-ms-max',
  '1000',
  '--slow-ms',
  '300',
  '--saga-version',
  '2',
  '--saga-ramp-percent',
  '50',
];

/**
 * Two of each role over a real Kafka and a real PostgreSQL, orders coming in, and everything that can go wrong going
 * wrong: processes killed, paused, joining and leaving, Kafka and PostgreSQL killed and away. Then everything must have
 * come to its end. The order of the troubles follows from the seed; what they meet does not.
 */
export const runChaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const { minutes, orders, clients, lengths, seed, say } = options;
  const random = randomFrom(seed);
  const runMs = minutes * 60_000;
  const stack = await startStack({ say });
  const exits: string[] = [];
  const fleet = await startFleet({
    companies: twoOfEach,
    environment: stack.environment,
    args: settings,
    ...(options.logFolder !== undefined && { logFolder: options.logFolder }),
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
    const left = () => runMs - (performance.now() - begin);
    const load = placeOrders({ urls, clients, ordersMax: orders, everyMs: (runMs / orders) * clients });
    const recoveries: Recovery[] = [];
    const probing: Promise<void>[] = [];
    const probe = (what: string) => {
      const probed = timeToProgress(urls, what, begin, probing.length).then((recovery) => {
        recoveries.push(recovery);
        say(`${seconds(recovery.atMs)}  ${what}: orders end again after ${seconds(recovery.recoveredMs)}`);
      });
      probing.push(probed);
    };

    let kills = 0;
    const killer = async () => {
      while (left() > killEveryMsMax) {
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
      for (const trouble of largerTroubles(stack, fleet, lengths, runMs, random)) {
        await pause(Math.max(0, trouble.atMs - (performance.now() - begin)));
        say(`${seconds(performance.now() - begin)}  ${trouble.what}`);
        troubles.push(trouble.what);
        await trouble.run();
        probe(`after ${trouble.what}`);
      }
    };
    await Promise.all([killer(), troublemaker(), pause(runMs)]);
    await load.stop();
    await Promise.all(probing);
    say(`${load.acknowledged.length} orders acknowledged, ${kills} kills; waiting for the last to end`);
    const verdict = await judge(urls, stack.environment.POSTGRES_URL!, load.acknowledged);
    const quantile = quantileOf(recoveries.map(({ recoveredMs }) => recoveredMs));
    return {
      seed,
      seconds: Math.round((performance.now() - begin) / 1_000),
      kills,
      troubles,
      exits,
      recoveries,
      recoveredP50Ms: quantile(0.5),
      recoveredP99Ms: quantile(0.99),
      refused: load.refused,
      verdict,
    };
  } finally {
    await fleet.stop();
    await stack.stop();
  }
};

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;

const quantileOf = (values: readonly number[]) => {
  const sorted = [...values].sort((a, b) => a - b);
  return (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
};
