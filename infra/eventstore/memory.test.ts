import { describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '../ports/event-log.ts';
import { recentTail } from './recent.ts';
import { slots } from './slots.ts';

const at = (position: number) => ({ position }) as RecordedEvent;
const positions = (records: readonly RecordedEvent[] | undefined) => records?.map(({ position }) => position);

describe('the recent records of a log whose positions have gaps', () => {
  it('are handed out after any place from which on all are there', () => {
    const recent = recentTail(3, 1_000);
    expect(recent.after(0, 5)).toBeUndefined();
    recent.clear(10);
    for (const position of [20, 35, 50]) recent.push(at(position), 1);
    expect(recent.after(9, 5)).toBeUndefined();
    expect(positions(recent.after(10, 2))).toEqual([20, 35]);
    expect(positions(recent.after(34, 5))).toEqual([35, 50]);
    expect(recent.after(50, 5)).toBeUndefined();
    recent.push(at(51), 1);
    expect(recent.after(19, 5)).toBeUndefined();
    expect(positions(recent.after(20, 5))).toEqual([35, 50, 51]);
  });

  it('are bounded by number and bytes, over any time', () => {
    const recent = recentTail(5, 100);
    recent.clear(0);
    for (let position = 1; position <= 10_000; position += 1) recent.push(at(position), 10);
    expect(positions(recent.after(9_995, 9))).toEqual([9_996, 9_997, 9_998, 9_999, 10_000]);
    expect(recent.after(9_994, 9)).toBeUndefined();
    recent.push(at(10_001), 90);
    expect(positions(recent.after(9_999, 9))).toEqual([10_000, 10_001]);
    expect(recent.after(9_998, 9)).toBeUndefined();
    recent.push(at(10_002), 1_000);
    expect(recent.after(10_001, 9)).toBeUndefined();
    expect(recent.after(10_002, 9)).toBeUndefined();
  });
});

describe('room', () => {
  it('is for so many at once, and for so many bytes, first come first served; one alone may be bigger', async () => {
    const room = slots(2, 100);
    const entered: string[] = [];
    const enter = (name: string, bytes: number) => room.take(bytes).then(() => entered.push(name));
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    void enter('big', 500);
    void enter('a', 60);
    void enter('b', 60);
    void enter('c', 10);
    await turn();
    expect(entered).toEqual(['big']);
    room.give(500);
    await turn();
    expect(entered).toEqual(['big', 'a']);
    room.give(60);
    await turn();
    expect(entered).toEqual(['big', 'a', 'b', 'c']);
  });
});
