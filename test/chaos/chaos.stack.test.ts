import { expect, it } from '@jest/globals';
import { describeOnOwnServers } from '../stack/kit.ts';
import { runChaos } from './stack/chaos.ts';
import { faultsOf } from './stack/faults.ts';
import { shortLengths } from './stack/trouble.ts';

/** The run itself, and then the time that everything has to come to its end. */
const minutes = 2;
const testMsMax = 600_000;

describeOnOwnServers(
  'two of each role while processes, Kafka and PostgreSQL are killed, paused and away',
  () => {
    it(
      'lose no acknowledged order, end all, balance, do nothing twice, and leave no dead letter',
      async () => {
        const report = await runChaos({
          minutes,
          orders: 1_500,
          clients: 16,
          lengths: shortLengths,
          seed: 1,
          say: () => {},
        });
        expect(faultsOf(report)).toEqual([]);
        expect(report.verdict.acknowledged).toBeGreaterThan(0);
        expect(report.kills).toBeGreaterThan(0);
      },
      testMsMax,
    );
  },
);
