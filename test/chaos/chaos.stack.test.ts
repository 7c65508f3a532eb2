import { expect, it } from '@jest/globals';
import { describeOnOwnServers } from '../stack/kit.ts';
import { runChaos } from './stack/chaos.ts';
import { faultsOf } from './stack/faults.ts';
import { withLogs } from './stack/logs.ts';
import { shortLengths } from './stack/trouble.ts';

/** The run itself, what it has held up, and then the time that everything has to come to its end. */
const minutes = 2;
const testMsMax = 600_000;

const complain = (line: string) => void process.stderr.write(`${line}\n`);

describeOnOwnServers(
  'two of each role while processes, Kafka and PostgreSQL are killed, paused and away',
  () => {
    it(
      'lose no acknowledged order, end all, balance, do nothing twice, and leave no dead letter',
      async () => {
        const faults = await withLogs(undefined, complain, async (logFolder) => {
          const report = await runChaos({
            minutes,
            orders: 1_500,
            clients: 16,
            lengths: shortLengths,
            seed: 1,
            logFolder,
            say: () => {},
          });
          expect(report.ordersPlaced).toBeGreaterThan(0);
          expect(report.kills).toBeGreaterThan(0);
          return faultsOf(report);
        });
        expect(faults).toEqual([]);
      },
      testMsMax,
    );
  },
);
