import { describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '../ports/event-log.ts';
import { recentRecords } from './recent.ts';

const record = (position: number, revision = position) => ({ position, revision }) as RecordedEvent;
const positionsOf = (records: readonly RecordedEvent[] | undefined) =>
  records?.map(({ position }) => position);

describe('recent records', () => {
  it('are the last so many, and nothing is said where the first one asked for is gone', () => {
    const recent = recentRecords(3, 1_000);
    for (let position = 1; position <= 5; position += 1) recent.push(record(position), 1, 0);
    expect(positionsOf(recent.after(2, 10))).toEqual([3, 4, 5]);
    expect(positionsOf(recent.after(3, 1))).toEqual([4]);
    expect(recent.after(1, 10)).toBeUndefined();
    expect(recent.after(5, 10)).toBeUndefined();
  });

  it('hold no more bytes than they may, but the last one always', () => {
    const recent = recentRecords(100, 10);
    for (let position = 1; position <= 3; position += 1) recent.push(record(position), 4, 0);
    expect(recent.after(0, 10)).toBeUndefined();
    expect(positionsOf(recent.after(1, 10))).toEqual([2, 3]);
    recent.push(record(4), 50, 0);
    expect(recent.after(2, 10)).toBeUndefined();
    expect(positionsOf(recent.after(3, 10))).toEqual([4]);
    recent.push(record(5), 10, 0);
    expect(positionsOf(recent.after(4, 10))).toEqual([5]);
  });

  it('begin anew where the log was opened', () => {
    const recent = recentRecords(3, 1_000);
    recent.push(record(101), 1, 100);
    expect(recent.after(99, 10)).toBeUndefined();
    expect(positionsOf(recent.after(100, 10))).toEqual([101]);
  });

  it('of a stream are found from its last one backwards, as far as memory goes', () => {
    const recent = recentRecords(4, 1_000);
    recent.push(record(1, 0), 1, 0);
    recent.push(record(2, 1), 1, 1);
    recent.push(record(3, 0), 1, 0);
    recent.push(record(4, 2), 1, 2);
    expect(positionsOf(recent.ofStream(4, 0, 2))).toEqual([4, 2, 1]);
    expect(positionsOf(recent.ofStream(4, 1, 1))).toEqual([2]);
    recent.push(record(5, 1), 1, 3);
    expect(recent.ofStream(4, 0, 2)).toBeUndefined();
    expect(positionsOf(recent.ofStream(4, 1, 2))).toEqual([4, 2]);
    expect(recent.ofStream(0, 0, 0)).toBeUndefined();
  });
});
