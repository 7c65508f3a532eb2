import { expect, it } from '@jest/globals';
import { newKey } from '../../test/contract/broker-fixture.ts';
import { virtualClock } from '../../test/virtual-clock.ts';
import { PermanentError } from '../errors.ts';
import type { Message, ReplyMessage } from '../ports/broker.ts';
import { type ParkedKey, parkedKeys } from './parked-keys.ts';

const key = newKey();

/** An answer to a command, whose id it bears: as docs/foreign-participants.md says. */
const answer = (trackingId: string) =>
  ({
    kind: 'reply',
    key,
    id: 'the command',
    data: { type: 'OrderShipped', version: 1, data: { trackingId } },
  }) as unknown as ReplyMessage;
const command = (id: string) => ({ kind: 'command', key, id, data: { amount: 1 } }) as unknown as Message;

/** A key with a dead letter; says at which places messages wait behind it. */
const parked = (first: Message) => {
  const table = parkedKeys<number>({
    group: 'group',
    record: () => {},
    read: () => undefined,
    isSame: (one, other) => one === other,
    clock: virtualClock(),
    retryDelaysMs: [],
    quickRetries: 0,
    leaving: new AbortController().signal,
    attempt: async () => ({ outcome: 'left' }),
    onRoom: () => {},
    onParked: () => {},
  });
  const it: ParkedKey<number> = table.begin(first, 0, 1, new PermanentError('no'));
  return (place: number, message: Message) => {
    table.follow(it, message, place);
    return it.rows.map((row) => row.place);
  };
};

it('lets a command go that was asked again', () => {
  const follow = parked(command('one'));
  expect(follow(1, command('one'))).toEqual([0]);
  expect(follow(2, command('two'))).toEqual([0, 2]);
});

it('keeps another answer to the same command, and lets the same one go', () => {
  const follow = parked(answer('wrong'));
  expect(follow(1, answer('wrong'))).toEqual([0]);
  expect(follow(2, answer('right'))).toEqual([0, 2]);
  expect(follow(3, answer('right'))).toEqual([0, 2]);
});
