import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, it } from '@jest/globals';
import { anEvent, freshStream, someEvents } from '../../test/contract/event-log/events.ts';
import { StartError } from '../errors.ts';
import { noStream } from '../ports/event-log.ts';
import { temporaryLogs } from './testing/temporary.ts';

describe('a log that is not as it was left', () => {
  const logs = temporaryLogs();
  afterEach(logs.clean);

  /** A closed log of five records in one stream; the second holds the word MARK. */
  const written = async () => {
    const path = logs.path();
    const log = logs.open(path);
    const stream = freshStream();
    const events = [anEvent('a'), anEvent('MARK'), ...someEvents(3)];
    await log.append(stream, noStream, events);
    await log.close();
    return { path, stream };
  };

  const change = (path: string, sql: string, ...values: (string | number)[]) => {
    const db = new DatabaseSync(path);
    db.prepare(sql).run(...values);
    db.close();
  };

  const failureOf = async (opening: () => unknown) => {
    try {
      await opening();
    } catch (error) {
      return error as Error & { code?: string };
    }
    throw new Error('it did not fail');
  };

  it('names the record when one byte of the file has changed', async () => {
    const { path, stream } = await written();
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('MARK')]! ^= 1;
    writeFileSync(path, bytes);
    const log = logs.open(path);
    const named = new RegExp(`record 2 .*${stream} 1.*RetryRequested.*checksum`);
    await expect(log.readStream(stream)).rejects.toThrow(named);
    await expect(log.readAll(0, 10)).rejects.toThrow(named);
    expect(await log.readAll(2, 10)).toHaveLength(3);
  });

  it.each([
    "id = x'00'",
    'time = time + 1',
    "correlation = 'x'",
    'causation = id',
    'type = type + 1',
    "data = '{}'",
  ])('finds a record in which %s was set', async (change_) => {
    const { path } = await written();
    change(path, `UPDATE records SET ${change_} WHERE position = 3`);
    const log = logs.open(path);
    await expect(log.readAll(2, 1)).rejects.toThrow(/record 3 .*checksum/);
  });

  it('tells its followers nothing wrong: it says once that a record cannot be read, and stays before it', async () => {
    const { path } = await written();
    change(path, "UPDATE records SET data = '{}' WHERE position = 3");
    const failures: Error[] = [];
    const log = logs.open(path, { onFailure: (error) => failures.push(error) });
    const seen: number[] = [];
    const told = new Promise<void>((resolve) => {
      log.follow(0, 1, (records) => {
        seen.push(...records.map(({ position }) => position));
        if (seen.length === 2) setTimeout(resolve, 250);
      });
    });
    await told;
    expect(seen).toEqual([1, 2]);
    expect(failures).toHaveLength(1);
    expect(failures[0]!.message).toContain('record 3');
  });

  it('finds a record that is missing in the middle', async () => {
    const { path, stream } = await written();
    change(path, 'DELETE FROM records WHERE position = 3');
    const log = logs.open(path);
    await expect(log.readAll(0, 10)).rejects.toThrow('position 3 is missing');
    await expect(log.readStream(stream)).rejects.toThrow(`${stream} revision 2 is missing`);
    await expect(log.readStream(stream, { direction: 'backwards' })).rejects.toThrow('revision 2 is missing');
    expect(await log.readStream(stream, { from: 3 })).toHaveLength(2);
  });

  it('does not open when its last record is missing, because the head beside it shows that', async () => {
    const { path } = await written();
    change(path, 'DELETE FROM records WHERE position = 5');
    const error = await failureOf(() => logs.open(path));
    expect(error).toBeInstanceOf(StartError);
    expect(error).toMatchObject({ code: 'log-damaged' });
    expect(error.message).toContain('after position 4');
  });

  it('does not open when it was written by a newer Recourse, and says so', async () => {
    const { path } = await written();
    change(path, 'PRAGMA user_version = 999');
    const error = await failureOf(() => logs.open(path));
    expect(error).toMatchObject({ name: 'StartError', code: 'log-newer' });
    expect(error.message).toContain('newer Recourse');
  });

  it('does not open what is no log, and leaves it as it is', async () => {
    const path = logs.path();
    change(path, 'CREATE TABLE groceries (name TEXT)');
    const before = readFileSync(path);
    expect(await failureOf(() => logs.open(path))).toMatchObject({ name: 'StartError', code: 'log-foreign' });
    expect(readFileSync(path)).toEqual(before);
    writeFileSync(path, 'no database at all, but a text that is long enough to be taken for one'.repeat(50));
    expect(await failureOf(() => logs.open(path))).toMatchObject({
      name: 'StartError',
      code: 'log-unusable',
    });
  });

  it('does not open in a folder that does not exist', async () => {
    const error = await failureOf(() => logs.open('/nowhere/at/all/log.db'));
    expect(error).toMatchObject({ name: 'StartError', code: 'log-unusable' });
    expect(error.message).toContain('/nowhere/at/all/log.db');
  });

  it('does not open where any record, not only the last, is of a type or version that it does not know', async () => {
    const { path } = await written();
    change(path, "INSERT INTO types (id, name, version) VALUES (99, 'RetryRequested', 2)");
    const log = logs.open(path);
    expect(await log.head()).toBeGreaterThan(2);
    await log.close();
    change(path, 'UPDATE records SET type = 99 WHERE position = 2');
    const newer = await failureOf(() => logs.open(path));
    expect(newer).toMatchObject({ name: 'StartError', code: 'log-newer' });
    expect(newer.message).toContain('record 2 is a RetryRequested of version 2');
    change(path, 'UPDATE types SET name = ?, version = 1 WHERE id = 99', 'OrderForgotten');
    const unknown = await failureOf(() => logs.open(path));
    expect(unknown).toMatchObject({ name: 'StartError', code: 'log-newer' });
    expect(unknown.message).toContain('OrderForgotten');
  });
});
