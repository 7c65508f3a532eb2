import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, it } from '@jest/globals';
import { freshStream, someEvents } from '../../test/contract/event-log/events.ts';
import { UnknownVersionError } from '../errors.ts';
import { noStream } from '../ports/event-log.ts';
import { systemClock } from '../system.ts';
import { openSqliteLogReader } from './reader.ts';
import { openStoredLog } from './stored-log.ts';
import { temporaryLogs } from './testing/temporary.ts';

/** How the log is opened for its writer is in `damage.test.ts`. */
describe('a log in which a newer Recourse wrote, read beside its writer or without one', () => {
  const logs = temporaryLogs();
  afterEach(logs.clean);

  const newerLog = async () => {
    const path = logs.path();
    const log = logs.open(path);
    await log.append(freshStream(), noStream, someEvents(3));
    const { type } = (await log.readAll(0, 1))[0]!;
    await log.close();
    const db = new DatabaseSync(path);
    db.prepare('UPDATE types SET version = 99 WHERE name = ?').run(type);
    db.close();
    return { path, type };
  };

  it('is not replayed past what is not known; what nobody asked for does not matter', async () => {
    const { path, type } = await newerLog();
    const reader = openSqliteLogReader(path);
    const read = (wanted: string) => reader.read(0, 10, new Set([wanted]));
    expect(() => read(type)).toThrow(UnknownVersionError);
    expect(() => read(type)).toThrow(`is a ${type} of version 99: this Recourse does not know it`);
    expect(read('OrderShipped')).toMatchObject({ records: [], place: { position: 3 } });
    reader.close();
  });

  it('is not opened to look at it', async () => {
    const { path, type } = await newerLog();
    const says = new RegExp(`record 1 is a ${type} of version 99, written by a newer Recourse`);
    expect(() => openStoredLog(path, systemClock)).toThrow(says);
  });
});
