import { afterEach, describe, expect, it } from '@jest/globals';
import { anEvent, freshStream, until } from '../../test/contract/event-log/events.ts';
import { eventStores } from '../../test/eventstore/logs.ts';
import { DamagedError, UnknownVersionError } from '../errors.ts';
import { noStream, type RecordedEvent } from '../ports/event-log.ts';
import type { ForeignRecord } from './log.ts';

const stores = eventStores();
afterEach(stores.clean);

/** Records of another log: streams in turn, several of one after the other, with times of long ago. */
const records = (count: number): ForeignRecord[] => {
  const streams = [freshStream(), freshStream(), freshStream()];
  const heads = [-1, -1, -1];
  return Array.from({ length: count }, (_, index) => {
    const at = Math.floor(index / 4) % 3;
    heads[at]! += 1;
    const { data, ...event } = anEvent(`n ${index}`);
    const time = 1_000_000_000_000 + index;
    return {
      ...event,
      stream: streams[at]!,
      revision: heads[at]!,
      version: 1,
      time,
      json: JSON.stringify(data),
    };
  });
};

const withoutPosition = ({ position: _, data, ...rest }: RecordedEvent) => ({
  ...rest,
  json: JSON.stringify(data),
});

describe('records of another log', () => {
  it('are copied in their order, with their revisions, ids and times, once, however often that is done', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const all = records(300);
    expect(await log.importRecords(all.slice(0, 130))).toBe(130);
    expect(await log.importRecords(all.slice(100))).toBe(170);
    expect(await log.importRecords(all)).toBe(0);
    expect((await log.readAll(0, 1_000)).map(withoutPosition)).toEqual(all);
    const stream = all[0]!.stream as ReturnType<typeof freshStream>;
    const { time } = (await log.readStream(stream, { direction: 'backwards', max: 1 }))[0]!;
    await log.append(stream, await log.headOf(stream), [anEvent()]);
    expect((await log.readAll(0, 1_000)).at(-1)!.time).toBeGreaterThan(time);
    const seen: RecordedEvent[] = [];
    log.follow(0, 50, (some) => void seen.push(...some));
    await until(() => seen.length === 301);
    expect(seen.slice(0, 300).map(withoutPosition)).toEqual(all);
  });

  it('keep the version that they were written with, and are read as the present one', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const orderId = '0b6c2d5e-7a52-4b6e-9a5c-3c1d2e3f4a5b';
    const old = {
      ...records(1)[0]!,
      stream: `saga-${orderId}`,
      type: 'SagaAdvanced',
      json: JSON.stringify({ input: { id: 'i', type: 'T', stream: `order-${orderId}`, revision: 3 } }),
    };
    await log.importRecords([old]);
    expect(await log.readStream(`saga-${orderId}` as never)).toMatchObject([
      { version: 2, data: { input: { category: 'order', revision: 3 } } },
    ]);
  });

  it.each<[string, (it: ForeignRecord) => ForeignRecord]>([
    ['another id', (it) => ({ ...it, id: anEvent().id })],
    ['the same id with other data', (it) => ({ ...it, json: '{"note":"other"}' })],
    ['the same id at another time', (it) => ({ ...it, time: it.time + 1 })],
  ])('are refused where %s stands there', async (_, change) => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const all = records(20);
    await log.importRecords(all);
    const other = all.map((it, index) => (index === 9 ? change(it) : it));
    await expect(log.importRecords(other)).rejects.toBeInstanceOf(DamagedError);
  });

  it('are refused where one is of a version that this build does not know, and none is stored', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    const [first, second] = records(2);
    const newer = log.importRecords([first!, { ...second!, version: 99 }]);
    await expect(newer).rejects.toBeInstanceOf(UnknownVersionError);
    expect(await log.head()).toBe(0);
  });

  it('are refused where a record before them is missing', async () => {
    const server = await stores.start();
    const log = await stores.open(server.url);
    await expect(log.importRecords(records(4).slice(2))).rejects.toBeInstanceOf(DamagedError);
    expect(await log.head()).toBe(0);
    expect(await log.headOf(freshStream())).toBe(noStream);
  });
});
