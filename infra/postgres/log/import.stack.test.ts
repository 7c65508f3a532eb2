import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { anEvent, freshStream, someEvents } from '../../../test/contract/event-log/events.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../../test/stack/kit.ts';
import { DamagedError, UnknownVersionError } from '../../errors.ts';
import { noStream, type RecordedEvent } from '../../ports/event-log.ts';
import type { ForeignRecord } from './log.ts';
import { emptyLog, eventually, openedLogs } from './testing/logs.ts';

describeOnStack('a log that is copied to PostgreSQL', () => {
  let database: FreshDatabase;
  let logs: ReturnType<typeof openedLogs>;
  beforeAll(async () => {
    database = await freshDatabase();
    logs = openedLogs(database.settings);
  });
  afterEach(async () => {
    await logs.close();
    await emptyLog(database.postgres);
  });
  afterAll(() => database.drop());

  /** Records of several streams in turn, a second apart. */
  const records = (count: number): ForeignRecord[] => {
    const streams = Array.from({ length: 7 }, freshStream);
    return Array.from({ length: count }, (_, index) => {
      const { id, type, correlation, causation, data } = anEvent(`note ${index}`);
      const json = `{ "note" :${JSON.stringify(data.note)}}`;
      const place = { stream: streams[index % 7]!, revision: Math.floor(index / 7) };
      return { ...place, id, type, version: 1, time: 1_000 * index, correlation, causation, json };
    });
  };
  const asRecorded = ({ json, ...record }: ForeignRecord, index: number) => ({
    ...record,
    position: index + 1,
    data: JSON.parse(json),
  });

  it('keeps streams, revisions, ids, times and the very text of the data, in its order', async () => {
    const log = await logs.open();
    const seen: RecordedEvent[] = [];
    log.follow(0, 500, (batch) => void seen.push(...batch));
    const copied = records(1_200);
    expect(await log.importRecords(copied)).toBe(1_200);
    const expected = copied.map(asRecorded);
    expect(await log.readAll(0, 2_000)).toEqual(expected);
    await eventually(() => seen.length === 1_200);
    expect(seen).toEqual(expected);
    const rows = await database.postgres.query('select data from log_records where "position" = 9');
    expect(rows).toEqual([{ data: copied[8]!.json }]);
  });

  it('can be copied again, passes over what is there, and goes on', async () => {
    const log = await logs.open();
    const copied = records(100);
    expect(await log.importRecords(copied.slice(0, 30))).toBe(30);
    expect(await log.importRecords(copied)).toBe(70);
    expect(await log.importRecords(copied)).toBe(0);
    expect(await log.readAll(0, 200)).toEqual(copied.map(asRecorded));
    const { stream, revision } = copied.at(-1)!;
    expect(await log.append(stream as never, revision, [anEvent()])).toMatchObject({ position: 101 });
    expect(await log.append(freshStream(), noStream, [anEvent()])).toMatchObject({ position: 102 });
    expect(await log.importRecords(copied)).toBe(0);
  });

  it('reads old versions as the present one', async () => {
    const log = await logs.open();
    const orderId = '4d1f6f0e-9c1b-4c8e-8f53-0a6a3f1f2b11';
    const input = { id: orderId, type: 'OrderCreated', stream: `order-${orderId}`, revision: 0 };
    const old = { ...records(1)[0]!, stream: `saga-${orderId}`, type: 'SagaAdvanced', version: 1 };
    await log.importRecords([{ ...old, json: JSON.stringify({ input, commands: [] }) }]);
    const [read] = await log.readAll(0, 1);
    expect(read).toMatchObject({ version: 2, data: { input: { category: 'order', revision: 0 } } });
    expect(read!.data).not.toHaveProperty('input.stream');
  });

  it.each([
    ['another id stands there', (it: ForeignRecord) => ({ ...it, id: 'another' }), 'another record'],
    ['another time stands there', (it: ForeignRecord) => ({ ...it, time: it.time + 1 }), 'another record'],
    ['other data stand there', (it: ForeignRecord) => ({ ...it, json: '{"note":"x"}' }), 'another record'],
    ['another cause stands there', (it: ForeignRecord) => ({ ...it, causation: 'x' }), 'another record'],
    ['one before it is missing', (it: ForeignRecord) => ({ ...it, revision: 9 }), 'ends at revision 4'],
    ['the log is younger', (it: ForeignRecord) => ({ ...it, revision: 5, time: 7 }), 'later time'],
  ])('is refused where %s; nothing of that call is stored', async (_, change, why) => {
    const log = await logs.open();
    const copied = records(35);
    await log.importRecords(copied);
    const more = { ...copied.at(-1)!, id: 'more', revision: 5 };
    const failure = await log.importRecords([more, change(copied.at(-2)!)]).catch((error) => error);
    expect(failure).toBeInstanceOf(DamagedError);
    expect(failure.message).toContain(why);
    expect(failure.message).toContain(copied.at(-2)!.stream);
    expect(await log.head()).toBe(35);
    expect(await log.headOf(more.stream as never)).toBe(4);
  });

  it('is refused where a newer Recourse wrote it', async () => {
    const log = await logs.open();
    const [one, two] = records(2) as [ForeignRecord, ForeignRecord];
    await expect(log.importRecords([one, { ...two, version: 2 }])).rejects.toBeInstanceOf(
      UnknownVersionError,
    );
    expect(await log.head()).toBe(0);
    expect(await log.append(freshStream(), noStream, someEvents(2))).toMatchObject({ position: 2 });
  });
});
