import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventLogContract } from '../../test/contract/event-log.ts';
import { systemClock } from '../system.ts';
import { openSqliteLog, type SqliteLogOptions } from './sqlite-log.ts';

const openWith = (options: Partial<SqliteLogOptions>) => async () => {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-log-'));
  return {
    log: openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock, ...options }),
    clean: async () => rmSync(folder, { recursive: true }),
  };
};

eventLogContract('the embedded event log', openWith({}));
eventLogContract(
  'the embedded event log with hardly any memory',
  openWith({ recentMax: 2, streamsCachedMax: 1 }),
);
