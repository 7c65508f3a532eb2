import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { logBytes, type Server, startServer } from '../server.ts';
import { benchSkus, type LoadJob, type LoadReport } from './generator.ts';
import { measureLogLimit } from './log-limit.ts';
import { measureRebuild, rebuildLines } from './rebuild-row.ts';
import { stackBench } from './stack/stack-bench.ts';
import { measureVerify } from './verify-row.ts';

/**
 * `npm run bench`: what one machine does, server and load generator together. Orders of 3 lines out of 500 SKUs.
 * Prints tables for people and writes every figure as JSON. A bench, not a test: it never fails a build.
 */

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    growth: { type: 'string', default: '200000' },
    json: { type: 'string', default: 'bench-result.json' },
    port: { type: 'string', default: '3999' },
    quick: { type: 'boolean', default: false },
    stack: { type: 'boolean', default: false },
    burst: { type: 'string', default: '20000' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(`npm run bench -- [--seconds 10] [--growth 200000] [--json bench-result.json] [--port 3999] [--quick] [--stack [--burst 20000]]
  --seconds  how long each row runs
  --growth   orders after which memory is looked at for the last time
  --quick    2 s a row and no growth: to see that it works
  --stack    a distributed installation, on a Kafka and a PostgreSQL that it starts
  --burst    how many orders come at once in the end, which nobody waits for
`);
  process.exit(0);
}

const seconds = values.quick ? 2 : Number(values.seconds);
const growthOrders = values.quick ? 0 : Number(values.growth);
const port = Number(values.port);
const generator = fileURLToPath(new URL('./generator.ts', import.meta.url));
const say = (text: string) => process.stdout.write(`${text}\n`);
const run = promisify(execFile);
/** 13 records of the order's way and one take for each of its three SKUs. */
const recordsPerOrder = 16;
let seed = 1;

const load = async (server: Server, job: Partial<LoadJob> & { clients: number }): Promise<LoadReport> => {
  seed += 1;
  const whole: LoadJob = {
    urls: [server.url],
    seconds,
    orders: Number.MAX_SAFE_INTEGER,
    takenBackShare: 0,
    seed,
    ...job,
  };
  const { stdout } = await run(process.execPath, [generator, JSON.stringify(whole)], { maxBuffer: 1 << 20 });
  return JSON.parse(stdout) as LoadReport;
};

/** A row of the table: what the clients saw, and what the server spent on it. */
const row = async (server: Server, clients: number, takenBackShare = 0) => {
  const before = await server.cpuSeconds();
  const report = await load(server, { clients, takenBackShare });
  const cpuSeconds = (await server.cpuSeconds()) - before;
  const it = {
    clients,
    takenBackShare,
    ...report,
    serverCpuSeconds: cpuSeconds,
    cpuUsPerOrder: (cpuSeconds / report.orders) * 1e6,
  };
  say(
    `| ${String(clients).padStart(7)} | ${`${Math.round(takenBackShare * 100)} %`.padStart(10)} | ${it.ordersPerSecond.toFixed(0).padStart(8)} | ${it.p50Ms.toFixed(1).padStart(7)} | ${it.p99Ms.toFixed(1).padStart(7)} | ${it.cpuUsPerOrder.toFixed(0).padStart(12)} | ${String(it.failed).padStart(6)} |`,
  );
  return it;
};

const stockUp = async (server: Server) => {
  for (const sku of benchSkus) {
    const answer = await fetch(`${server.url}/inventory/${sku}/receipts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': `bench-${sku}` },
      body: JSON.stringify({ quantity: 100_000_000 }),
    });
    if (!answer.ok) throw new Error(`no stock for ${sku}: ${answer.status} ${await answer.text()}`);
  }
};

if (values.stack) {
  const burst = values.quick ? 500 : Number(values.burst);
  const result = await stackBench({ seconds, growth: growthOrders, burst, say });
  const file = values.json === 'bench-result.json' ? 'bench-stack-result.json' : values.json;
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  say(`written to ${file}`);
  process.exit(0);
}

const folder = await mkdtemp(join(tmpdir(), 'recourse-bench-'));
try {
  const machine = `${cpus().length} × ${cpus()[0]!.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  say(`Machine: ${machine}\n`);
  const limit = await measureLogLimit(folder);
  say(`Raw limit of the log on this machine: ${JSON.stringify(limit)}\n`);

  const dataDir = join(folder, 'data');
  let server = await startServer(dataDir, { port });
  const readyEmptyMs = server.readyMs;
  await stockUp(server);
  await load(server, { clients: 16, seconds: Math.min(3, seconds) });

  say('| clients | taken back | orders/s |  p50 ms |  p99 ms | CPU µs/order | failed |');
  say('|--------:|-----------:|---------:|--------:|--------:|-------------:|-------:|');
  const rows = [];
  for (const clients of [1, 16, 64, 256]) rows.push(await row(server, clients));
  for (const clients of [1, 16, 64, 256]) rows.push(await row(server, clients, 0.2));
  const peakMb = (await server.memory()).peakMb;

  await server.stop();
  // The same load, in turn, on either version of the saga: compare these two with each other.
  const versions = [];
  for (const version of ['1', '2']) {
    server = await startServer(join(folder, `saga-v${version}`), { port, args: ['--saga-version', version] });
    await stockUp(server);
    await load(server, { clients: 16, seconds: Math.min(3, seconds) });
    say(`on version ${version} of the saga:`);
    versions.push({ version, ...(await row(server, 64)) });
    await server.stop();
  }

  const growth = [];
  let readyFullMs: number | undefined;
  if (growthOrders > 0) {
    const fresh = join(folder, 'growth');
    server = await startServer(fresh, { port });
    await stockUp(server);
    const marks = [50_000, 100_000, 150_000, 200_000].filter((mark) => mark <= growthOrders);
    let done = 0;
    for (const mark of marks) {
      const report = await load(server, { clients: 64, seconds: 600, orders: mark - done });
      done = mark;
      const bytes = await logBytes(fresh);
      const memory = await server.memory();
      growth.push({
        orders: mark,
        ordersPerSecond: report.ordersPerSecond,
        p99Ms: report.p99Ms,
        ...memory,
        logBytesPerOrder: bytes / mark,
      });
      say(
        `after ${mark} orders: ${report.ordersPerSecond.toFixed(0)} orders/s, p99 ${report.p99Ms.toFixed(1)} ms, ${memory.nowMb.toFixed(0)} MB (peak ${memory.peakMb.toFixed(0)} MB), ${(bytes / mark).toFixed(0)} bytes of log an order`,
      );
    }
    await server.stop();
    server = await startServer(fresh, { port });
    readyFullMs = server.readyMs;
    say(`ready with ${done} orders behind it: ${readyFullMs.toFixed(0)} ms`);
    await server.stop();
  }
  server = await startServer(growthOrders > 0 ? join(folder, 'growth') : dataDir, { port });
  const rebuild = await measureRebuild(server, () => load(server, { clients: 64 }));
  for (const line of rebuildLines(rebuild)) say(line);
  const verify = await measureVerify(server);
  say(
    `verify: ${verify.verdict}, ${verify.events} events in ${verify.seconds.toFixed(1)} s, ${verify.eventsPerSecond} events/s, at most ${verify.peakMb.toFixed(0)} MB with the server itself`,
  );
  await server.stop();
  const best = rows.find(({ clients, takenBackShare }) => clients === 64 && takenBackShare === 0)!;
  say(
    `\nready on an empty folder: ${readyEmptyMs.toFixed(0)} ms; peak memory in the rows above: ${peakMb.toFixed(0)} MB`,
  );
  const shareOfLimit = (best.ordersPerSecond * recordsPerOrder) / limit.recordsPerSecond;
  say(`64 clients use ${(shareOfLimit * 100).toFixed(0)} % of the records that the log alone takes here`);
  const result = {
    machine,
    limit,
    readyEmptyMs,
    readyFullMs,
    peakMb,
    shareOfLimit,
    rows,
    versions,
    growth,
    rebuild,
    verify,
    bestOrdersPerSecond: best.ordersPerSecond,
  };
  await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
  say(`written to ${values.json}`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
