import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { runChaos } from './stack/chaos.ts';
import { faultsOf } from './stack/faults.ts';
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
  --orders   how many orders come in meanwhile
  --logs     keeps what every process said in this folder
  --seed     which things go wrong, in which order
`;

/** From so many minutes on, the larger troubles last as long as real ones. */
const realFromMinutes = 8;
/** The longest that orders may stand still after something was killed. */
const recoveredMsMax = 20_000;

const say = (line: string) => process.stdout.write(`${line}\n`);

const slowness = (recoveredP99Ms: number): string[] =>
  recoveredP99Ms > recoveredMsMax ? [`orders stood still for ${recoveredP99Ms} ms (p99)`] : [];

const main = async () => {
  if (values.help || !values.stack) {
    process.stdout.write(usage);
    process.exitCode = values.help ? 0 : 1;
    return;
  }
  const minutes = Number(values.minutes);
  const report = await runChaos({
    minutes,
    orders: Number(values.orders),
    clients: Number(values.clients),
    lengths: minutes >= realFromMinutes ? realLengths : shortLengths,
    seed: Number(values.seed),
    logFolder: values.logs,
    say,
  });
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  const { verdict } = report;
  say(`
kills             ${report.kills}
troubles          ${report.troubles.join('; ')}
exits             ${report.exits.length === 0 ? 'none besides' : report.exits.join('; ')}
acknowledged      ${verdict.acknowledged}
completed         ${verdict.completed}
cancelled         ${verdict.cancelled}
lost              ${verdict.lost.length}
dead letters      ${verdict.deadLetters}
effects twice     ${verdict.twice.length}
ledger violations ${verdict.violations.length}, folded anew ${verdict.violationsAfterRebuild.length}
orders end again  p50 ${report.recoveredP50Ms} ms, p99 ${report.recoveredP99Ms} ms after a disturbance`);
  const faults = [...faultsOf(report), ...slowness(report.recoveredP99Ms)];
  for (const fault of faults) say(`FAULT ${fault}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
};

if (import.meta.main) await main();
