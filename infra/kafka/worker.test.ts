import { describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import type { Topic } from '@recourse/contracts/registry';
import { pino } from 'pino';
import { virtualClock } from '../../test/virtual-clock.ts';
import type { Standing } from '../broker/changes.ts';
import type { Message } from '../ports/broker.ts';
import { assignmentWorker } from './worker.ts';

const topic: Topic = 'payment.commands';
const key = 'an-order' as OrderId;
const spot = (offset: number) => ({ topic, partition: 0, offset, stamp: 1 });
const message = (id: string) => ({ id, key, topic }) as Message;
const dead: Standing = { state: 'dead', attempts: 5, error: 'Error: never', retryAt: null };
const behind: Standing = { state: 'waiting', attempts: 0, error: null, retryAt: null };

/** A worker that has taken up a dead letter at offset 105, and what waits behind it, and reads on from 100. */
const withDeadLetter = () => {
  const handled: string[] = [];
  const bodies = new Map([
    [105, message('dead')],
    [107, message('behind')],
  ]);
  const worker = assignmentWorker({
    group: 'group',
    partitions: new Map([[topic, [0]]]),
    handle: async ({ id }) => void handled.push(id),
    record: () => {},
    read: async ({ offset }) => bodies.get(offset),
    clock: virtualClock(),
    logger: pino({ level: 'silent' }),
    quickRetries: 0,
    retryDelaysMs: [],
    inHandMax: 10,
    parkedMax: 10,
    observe: () => {},
    onFatal: () => {},
    onProgress: () => {},
    hurry: () => {},
  });
  const track = worker.tracks.of(spot(0))!;
  Object.assign(track, { start: 100, next: 100, committed: 100 });
  worker.load([
    { key, place: spot(105), messageId: 'dead', standing: dead },
    { key, place: spot(107), messageId: 'behind', standing: behind },
  ]);
  const discard = () => worker.decided({ ...spot(105), key, decision: 'discard', id: 1, version: '1' });
  return { worker, track, handled, discard };
};
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a dead letter that a person discards', () => {
  it('is not handled when it is read again afterwards', async () => {
    const { worker, track, handled, discard } = withDeadLetter();
    discard();
    await settled();
    expect(worker.take(track, message('dead'), spot(105))).toBe(true);
    await settled();
    expect(handled).toEqual(['behind']);
    expect(track.next).toBe(106);
  });

  it('is forgotten where it was read before', () => {
    const { worker, track, discard } = withDeadLetter();
    worker.take(track, message('dead'), spot(105));
    discard();
    expect(track.discarded.size).toBe(0);
  });
});
