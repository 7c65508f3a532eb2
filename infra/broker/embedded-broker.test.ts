import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { brokerContract } from '../../test/contract/broker.ts';
import { openSqliteLog } from '../log/sqlite-log.ts';
import { systemClock } from '../system.ts';
import { openEmbeddedBroker } from './embedded-broker.ts';

const logger = pino({ level: 'silent' });

brokerContract('the embedded broker', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'recourse-broker-'));
  const log = openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock });
  const path = join(folder, 'delivery.db');
  return {
    log,
    open: (settings) =>
      openEmbeddedBroker({
        log,
        path,
        clock: systemClock,
        logger,
        checkpointEveryMs: 20,
        shutdownMsMax: 1_000,
        ...settings,
      }),
    end: async () => {
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
});
