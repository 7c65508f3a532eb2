import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { progressBar } from '@recourse/host/progress-bar';
import { type ChaosReport, runChaos } from './stack/chaos.ts';
import { faultsOf, recoveredMsMax, slownessOf } from './stack/faults.ts';
import { withLogs } from './stack/logs.ts';
import { realLengths, shortLengths } from './stack/trouble.ts';

/** `npm run chaos`: everything that can go wrong, on a real Kafka and a real PostgreSQL; exit code 1 where it mattered. */

const { values } = parseArgs({
  options: {
    stack: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '2' },
    orders: { type: 'string', default: '4000' },
    clients: { type: 'string', default: '32' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
    logs: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const usage = `npm run chaos -- --stack [--minutes 2] [--orders 4000] [--clients 32] [--seed 1] [--json report.json] [--logs folder]
  --stack    a distributed installation, two of each role; of one process: npm test -- test/chaos/kill
  --minutes  how long things go wrong; from 8 on PostgreSQL is away for two minutes, and a process paused for one
  --orders   how many orders come in meanwhile; those that were held up may come for as long again
  --logs     keeps what every process said in this folder; else it is kept only where there was a fault
  --seed     which things go wrong, in which order
`;

/** From so many minutes on, the larger troubles last as long as real ones. */
const realFromMinutes = 8;

const main = async () => {
  const [minutes, orders, clients] = [values.minutes, values.orders, values.clients].map(Number);
  const isUsable = [minutes, orders, clients].every((it) => it! > 0) && Number.isSafeInteger(clients);
  if (values.help || !values.stack || !isUsable) {
    process.stdout.write(usage);
    process.exitCode = values.help ? 0 : 1;
    return;
  }
  const { say, onProgress, stop } = terminal(orders!);
  const faults = await withLogs(values.logs, say, async (logFolder) => {
    const report = await runChaos({
      minutes: minutes!,
      orders: orders!,
      clients: clients!,
      lengths: minutes! >= realFromMinutes ? realLengths : shortLengths,
      seed: Number(values.seed),
      logFolder,
      say,
      onProgress,
    }).finally(stop);
    if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
    say(tableOf(report));
    const found = [...faultsOf(report), ...slownessOf(report)];
    for (const fault of found) say(`FAULT ${fault}`);
    return found;
  });
  process.exitCode = faults.length === 0 ? 0 : 1;
};

const tableOf = (report: ChaosReport) => {
  const { verdict } = report;
  return `
orders            ${report.ordersWanted} wanted, ${report.ordersPlaced} acknowledged
kills             ${report.kills}
troubles          ${report.troubles.join('; ')}
exits             ${report.exits.length === 0 ? 'none besides' : report.exits.join('; ')}
completed         ${verdict.completed}
cancelled         ${verdict.cancelled}
lost              ${verdict.lost.length}
dead letters      ${verdict.deadLetters}
effects twice     ${verdict.twice.length}
ledger violations ${verdict.violations.length}, folded anew ${verdict.violationsAfterRebuild.length}

After each disturbance orders were placed: how long until all of them had ended
                                               p50       p99
by the clock on the wall             ${columns('ms', report.recoveredP50Ms, report.recoveredP99Ms)}
without the time that Kafka or
PostgreSQL were away by our own hand ${columns('ms', report.recoveredPresentP50Ms, report.recoveredPresentP99Ms)}   wanted: p99 at most ${recoveredMsMax} ms
more disturbances in that time       ${columns('', report.disturbedAgainP50, report.disturbedAgainP99)}
a process that was started again
was ready after                      ${columns('ms', report.startedP50Ms, report.startedP99Ms)}
`;
};

const columns = (unit: string, ...values: number[]) =>
  values.map((it) => `${it} ${unit.padEnd(2)}`.padStart(10)).join('');

/** Lines for people on stdout and, where stderr is a terminal, a bar under them. */
const terminal = (orders: number) => {
  // Lines go between: it has to be drawn again where nothing has changed.
  const bar = progressBar('{value} of {total} orders acknowledged | {left}', false, { forceRedraw: true });
  return {
    say: (line: string) => {
      if (bar?.isActive) process.stderr.write('\r\u001b[2K');
      process.stdout.write(`${line}\n`);
    },
    onProgress: (acknowledged: number, leftMs: number) => {
      const left = leftMs > 0 ? `${Math.ceil(leftMs / 1_000)} s left` : 'those that were held up';
      if (bar?.isActive === false) bar.start(orders, acknowledged, { left });
      bar?.update(acknowledged, { left });
    },
    stop: () => bar?.stop(),
  };
};

if (import.meta.main) await main();
