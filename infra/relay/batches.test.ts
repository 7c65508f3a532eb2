import { expect, it } from '@jest/globals';
import { virtualClock } from '../../test/virtual-clock.ts';
import type { Message } from '../ports/broker.ts';
import { batchesOnTheWay } from './batches.ts';
import { shardAt } from './shard.ts';

/** One shard, and a publisher that resolves when it is told to. */
const sending = () => {
  const clock = virtualClock();
  const losing = new AbortController();
  const shard = shardAt(0, { name: 'relay-1/0', piece: '0', epoch: 1, lost: losing.signal }, 0);
  const sent: (() => void)[] = [];
  let acknowledged = 0;
  const batches = batchesOnTheWay({
    send: () => new Promise((resolve) => sent.push(resolve)),
    onMoved: () => {},
    onAcknowledged: () => {
      acknowledged += 1;
    },
    onRejected: () => {},
    clock,
  });
  return {
    clock,
    batches,
    lose: () => losing.abort(),
    acknowledged: () => acknowledged,
    send: (end: number) =>
      batches.send([{} as Message], () => shard.isLost(), { end, shards: [shard], onAcked: () => {} }),
    resolve: async () => {
      sent.shift()!();
      await clock.advance(0);
    },
  };
};

it('counts the silence from the last acknowledgement, or from when the first of what waits was sent', async () => {
  const it = sending();
  await it.clock.advance(5_000);
  expect(it.batches.silentMs()).toBe(0);
  it.send(1);
  await it.clock.advance(1_000);
  it.send(2);
  await it.clock.advance(1_000);
  expect(it.batches.silentMs()).toBe(2_000);
  await it.resolve();
  await it.clock.advance(300);
  expect(it.batches.silentMs()).toBe(300);
  await it.resolve();
  await it.clock.advance(5_000);
  expect([it.batches.silentMs(), it.acknowledged()]).toEqual([0, 2]);
});

it('takes what was passed over, because its shard was lost, for no acknowledgement', async () => {
  const it = sending();
  it.send(1);
  await it.clock.advance(1_000);
  it.lose();
  expect(it.batches.silentMs()).toBe(0);
  await it.resolve();
  expect(it.acknowledged()).toBe(0);
});
