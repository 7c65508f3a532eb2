import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../system.ts';
import { openSqliteLog, type SqliteLog, type SqliteLogOptions } from '../sqlite-log.ts';

/** Folders and logs for one test, gone after `clean`. */
export const temporaryLogs = () => {
  const folders: string[] = [];
  const logs: SqliteLog[] = [];
  return {
    /** The path of a log that does not exist yet, in a folder of its own. */
    path: (): string => {
      const folder = mkdtempSync(join(tmpdir(), 'recourse-log-'));
      folders.push(folder);
      return join(folder, 'log.db');
    },
    open: (path: string, options: Partial<SqliteLogOptions> = {}): SqliteLog => {
      const log = openSqliteLog({ path, clock: systemClock, ...options });
      logs.push(log);
      return log;
    },
    clean: async (): Promise<void> => {
      await Promise.all(logs.splice(0).map((log) => log.close()));
      for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
    },
  };
};
