import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { StreamName } from '@recourse/contracts/streams';
import { freshStream, someEvents } from '../../../test/contract/event-log/events.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../../test/stack/kit.ts';
import { DamagedError, LostRecordsError, UnknownVersionError } from '../../errors.ts';
import { checksumWithoutTime } from '../../log/checksum.ts';
import { noStream, type RecordedEvent } from '../../ports/event-log.ts';
import { emptyLog, eventually, openedLogs } from './testing/logs.ts';

describeOnStack('a log in PostgreSQL that is not what was written', () => {
  let database: FreshDatabase;
  let logs: ReturnType<typeof openedLogs>;
  let stream: StreamName;
  beforeAll(async () => {
    database = await freshDatabase();
    logs = openedLogs(database.settings);
  });
  beforeEach(async () => {
    const log = await logs.open();
    stream = freshStream();
    await log.append(stream, noStream, someEvents(5));
    await logs.close();
  });
  afterEach(async () => {
    await logs.close();
    await database.postgres.query('delete from log_types where version > 90');
    await emptyLog(database.postgres);
  });
  afterAll(() => database.drop());

  const fails = async () => {
    const failures: Error[] = [];
    const log = await logs.open({ onFailure: (error) => failures.push(error) });
    const seen: RecordedEvent[] = [];
    log.follow(0, 2, (records) => void seen.push(...records));
    await eventually(() => failures.length > 0);
    return { log, failure: failures[0]!, seen };
  };

  it.each([
    ['its data', `data = '{"note":"another"}'`],
    ['its id', `id = 'another'`],
    ['its revision', `revision = 77`],
    ['its cause', `causation = 'another'`],
    ['its order', `correlation = null`],
  ])('is not read where a record has lost %s: the error names its place', async (_, change) => {
    await database.postgres.query(`update log_records set ${change} where "position" = 3`);
    const { log, failure, seen } = await fails();
    expect(failure).toBeInstanceOf(DamagedError);
    expect(failure.message).toContain(`record 3 (${stream} `);
    expect(failure.message).toContain('does not match its checksum');
    expect(seen.map(({ position }) => position)).toEqual([1, 2]);
    expect((await log.readAll(0, 5)).map(({ position }) => position)).toEqual([1, 2]);
    await expect(log.readAll(2, 5)).rejects.toThrow('record 3');
    await expect(log.readAll(2, 5)).rejects.toBeInstanceOf(DamagedError);
    await expect(log.readStream(stream)).rejects.toBeInstanceOf(DamagedError);
    expect(await log.readAll(3, 2)).toHaveLength(2);
  });

  it.each([
    ['in the middle', 3, 'revision 2'],
    ['at the end', 5, 'revision 4'],
  ])('is not read where a record is missing %s', async (_, position, revision) => {
    await database.postgres.query(`delete from log_records where "position" = ${position}`);
    const { log, failure } = await fails();
    expect(failure).toBeInstanceOf(DamagedError);
    expect(failure.message).toContain(`position ${position} is missing`);
    expect(await log.readAll(0, 5)).toHaveLength(position - 1);
    await expect(log.readAll(position - 1, 5)).rejects.toThrow(`position ${position} is missing`);
    await expect(log.readStream(stream)).rejects.toThrow(`${stream} ${revision} is missing`);
    expect(await log.readStream(stream, { max: 2 })).toHaveLength(2);
  });

  it('says when the log has lost its end while it is in use, as after a switch to a server that lags', async () => {
    const failures: Error[] = [];
    const log = await logs.open({ onFailure: (error) => failures.push(error) });
    await log.append(stream, 4, someEvents(2));
    await database.postgres.query('update log_head set "position" = 5');
    await eventually(() => failures.length > 0);
    expect(failures[0]).toBeInstanceOf(LostRecordsError);
    expect(failures[0]!.message).toContain('records after position 5 are missing, up to 7');
  });

  it('is not read past what a newer Recourse wrote; the rest is', async () => {
    const other = freshStream();
    const before = await logs.open();
    const version = 91;
    const { postgres } = database;
    for (const { position, data, ...record } of await before.readAll(0, 5)) {
      const crc = checksumWithoutTime({ ...record, version }, JSON.stringify(data));
      await postgres.query('update log_records set crc = $1 where "position" = $2', [crc, position]);
    }
    await postgres.query(`update log_types set version = $1 where name = 'RetryRequested'`, [version]);
    const { log, failure } = await fails();
    expect(failure).toBeInstanceOf(UnknownVersionError);
    expect(failure.message).toContain(`record 1 (${stream} 0) is a RetryRequested of version 91`);
    await expect(log.readStream(stream)).rejects.toBeInstanceOf(UnknownVersionError);
    // This build goes on to write in its own version, which both know.
    await log.append(other, noStream, someEvents(1));
    expect(await log.readStream(other)).toHaveLength(1);
    // Who knew the types before learns of the new number for it.
    expect(await before.readStream(other)).toMatchObject([{ version: 1 }]);
  });
});
