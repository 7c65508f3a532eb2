import { expect, it } from '@jest/globals';
import { pino } from 'pino';
import { parkedLimit } from './parked-limit.ts';

/** The limit of a group with parked messages, and what it said. */
const limited = () => {
  const count = { waiting: 0, dead: 0 };
  const said: { level: number; group: string; msg: string }[] = [];
  const logger = pino({}, { write: (line: string) => said.push(JSON.parse(line)) });
  return { count, said, limit: parkedLimit({ group: 'payment', parkedMax: 20, count, logger }) };
};

it('is told once, with the group and what to do, and is a problem for as long as it lasts', () => {
  const { count, said, limit } = limited();
  Object.assign(count, { waiting: 12, dead: 7 });
  expect([limit.isReached(), limit.problem(), said]).toEqual([false, undefined, []]);
  count.dead = 8;
  expect([limit.isReached(), limit.isReached()]).toEqual([true, true]);
  expect(said).toEqual([expect.objectContaining({ level: 50, group: 'payment', waiting: 12, dead: 8 })]);
  expect(limit.problem()).toMatch(/^payment: .* 20 of its messages .* `recourse dead-letters`/);
});

it('says that the group goes on, but not with each message that comes and goes', () => {
  const { count, said, limit } = limited();
  for (const dead of [20, 19, 20, 19]) {
    count.dead = dead;
    expect(limit.isReached()).toBe(dead === 20);
  }
  expect(limit.problem()).toBeUndefined();
  expect(said).toHaveLength(1);
  count.dead = 18;
  expect([limit.isReached(), limit.isReached()]).toEqual([false, false]);
  expect(said.slice(1)).toEqual([
    expect.objectContaining({ level: 30, msg: expect.stringContaining('goes on') }),
  ]);
});
