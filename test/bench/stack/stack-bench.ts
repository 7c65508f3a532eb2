import { execFile } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Company, type Fleet, startFleet, twoOfEach } from '../../fleet.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import type { LoadJob, LoadReport } from '../generator.ts';
import { measureBurst } from './burst.ts';
import { type EngineLimits, measureEngines } from './limits.ts';
import { measureRelays } from './relays.ts';
import { stockUpAll } from './stock.ts';

/** `npm run bench -- --stack`: a distributed installation, its Kafka, its databases and the load on one machine. */

/** How it is run. */
export type StackBenchOptions = {
  readonly seconds: number;
  /** Orders after which memory is looked at for the last time; 0: not at all. */
  readonly growth: number;
  readonly burst: number;
  readonly say: (line: string) => void;
};

/** What the clients saw, and what each part spent on it. */
export type StackRow = LoadReport & {
  readonly engines: string;
  readonly layout: string;
  readonly clients: number;
  /** CPU seconds while it ran, by part. */
  readonly cpu: Readonly<Record<string, number>>;
};

const run = promisify(execFile);
const generator = fileURLToPath(new URL('../generator.ts', import.meta.url));
const onePart: readonly Company[] = [{ name: 'all', roles: 'all', count: 1 }];
/** What follows the log has a thread of its own. */
const followersApart: readonly Company[] = [
  { name: 'orders', roles: 'api,orchestrator,timers,order,payment,inventory,shipping,ingest', count: 1 },
  { name: 'followers', roles: 'relay,projector', count: 1 },
];
let seed = 1;

/** Runs everything; resolves with all figures. */
export const stackBench = async (options: StackBenchOptions) => {
  const { say, seconds } = options;
  const machine = `${cpus().length} × ${cpus()[0]!.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  say(`Machine: ${machine}`);
  const rows: StackRow[] = [];
  const growth: object[] = [];
  let limits: EngineLimits | undefined;
  let burst: object | undefined;
  for (const [layout, companies] of [
    ['one process', onePart],
    ['relay and projector apart', followersApart],
    ['two of each role', twoOfEach],
  ] as const) {
    for (const engines of enginesHere()) {
      await withFleet(companies, engines.environment, async (fleet, stack) => {
        limits ??= await engineLimits(stack, say);
        await warm(fleet, seconds);
        say(`\n${engines.name}, ${layout}:\n${heading}`);
        for (const clients of [1, 16, 64, 256]) {
          const row = await measured(fleet, stack, { clients, seconds }, { engines: engines.name, layout });
          say(lineOf(row));
          rows.push(row);
        }
        if (layout !== 'one process' || engines.name !== defaultEngines) return;
        if (options.growth > 0) growth.push(...(await grow(fleet, options)));
        if (options.burst > 0) burst = await measureBurst(fleet, options.burst, say);
      });
    }
  }
  const relays = options.burst > 0 ? await measureRelays(options.burst, say) : undefined;
  return { machine, limits, rows, growth, burst, relays };
};

const defaultEngines = 'PostgreSQL + Kafka';

/** The log is PostgreSQL's, and EventStoreDB's too where one is there. */
const enginesHere = () => {
  const { EVENTSTORE_URL } = process.env;
  return [
    { name: defaultEngines, environment: { EVENTSTORE_URL: '' } },
    ...(EVENTSTORE_URL === undefined || EVENTSTORE_URL === ''
      ? []
      : [{ name: 'EventStoreDB + Kafka', environment: { EVENTSTORE_URL } }]),
  ];
};

const withFleet = async (
  companies: readonly Company[],
  environment: Readonly<Record<string, string>>,
  use: (fleet: Fleet, stack: Stack) => Promise<void>,
): Promise<void> => {
  const stack = await startStack();
  try {
    const fleet = await startFleet({ companies, environment: { ...stack.environment, ...environment } });
    try {
      await stockUpAll(fleet);
      await use(fleet, stack);
    } finally {
      await fleet.stop();
    }
  } finally {
    await stack.stop();
  }
};

const engineLimits = async (stack: Stack, say: (line: string) => void): Promise<EngineLimits> => {
  const { KAFKA_BROKERS, POSTGRES_URL } = stack.environment;
  const limits = await measureEngines(KAFKA_BROKERS.split(','), POSTGRES_URL);
  say(`Plain clients here, a second: ${JSON.stringify(limits)}`);
  return limits;
};

/** Puts load on every API; resolves with what its clients saw. */
export const load = async (
  fleet: Fleet,
  job: Pick<LoadJob, 'clients'> & Partial<LoadJob>,
): Promise<LoadReport> => {
  seed += 1;
  const whole: LoadJob = {
    urls: fleet.apis().map(({ url }) => url),
    seconds: 600,
    orders: Number.MAX_SAFE_INTEGER,
    takenBackShare: 0,
    seed,
    ...job,
  };
  const { stdout } = await run(process.execPath, [generator, JSON.stringify(whole)], { maxBuffer: 1 << 20 });
  return JSON.parse(stdout) as LoadReport;
};

/** Kafka's own code gets faster for some seconds before it stays as it is. */
const warm = (fleet: Fleet, seconds: number) =>
  load(fleet, { clients: 64, seconds: Math.min(12, 2 * seconds) });

const cpuOf = async (fleet: Fleet, stack: Stack): Promise<Record<string, number>> => {
  const used: Record<string, number> = {
    kafka: stack.kafka.cpuSeconds(),
    postgres: stack.postgres.cpuSeconds(),
  };
  for (const member of fleet.members) used[member.name] = await member.cpuSeconds();
  return used;
};

const measured = async (
  fleet: Fleet,
  stack: Stack,
  job: Pick<LoadJob, 'clients' | 'seconds'>,
  about: Pick<StackRow, 'engines' | 'layout'>,
): Promise<StackRow> => {
  const before = await cpuOf(fleet, stack);
  const report = await load(fleet, job);
  const after = await cpuOf(fleet, stack);
  const cpu = Object.fromEntries(
    Object.entries(after).map(([name, used]) => [name, used - (before[name] ?? 0)]),
  );
  return { ...about, clients: job.clients, ...report, cpu: { ...cpu, generator: report.cpuSeconds } };
};

const heading = `| clients | orders/s |  p50 ms |  p99 ms | failed | CPU µs an order, by part
|--------:|---------:|--------:|--------:|-------:|-------------------------`;

const lineOf = ({ clients, ordersPerSecond, p50Ms, p99Ms, failed, cpu, orders }: StackRow): string => {
  const parts = Object.entries(cpu).map(
    ([name, seconds]) => `${name} ${((seconds / Math.max(1, orders)) * 1e6).toFixed(0)}`,
  );
  const cells = [
    String(clients).padStart(7),
    ordersPerSecond.toFixed(0).padStart(8),
    p50Ms.toFixed(1).padStart(7),
    p99Ms.toFixed(1).padStart(7),
    String(failed).padStart(6),
    parts.join(', '),
  ];
  return `| ${cells.join(' | ')}`;
};

const grow = async (fleet: Fleet, { growth, say }: StackBenchOptions) => {
  const marks = [0.25, 0.5, 0.75, 1].map((share) => Math.round(growth * share));
  const all: object[] = [];
  let done = 0;
  for (const mark of marks) {
    const report = await load(fleet, { clients: 64, orders: mark - done });
    done = mark;
    const memory = await fleet.members[0]!.server()!.memory();
    const { ordersPerSecond, p99Ms, failed } = report;
    all.push({ orders: mark, ordersPerSecond, p99Ms, failed, ...memory });
    say(
      `after ${mark} orders: ${ordersPerSecond.toFixed(0)} orders/s, p99 ${p99Ms.toFixed(1)} ms, ${memory.nowMb.toFixed(0)} MB (peak ${memory.peakMb.toFixed(0)} MB)`,
    );
  }
  return all;
};
