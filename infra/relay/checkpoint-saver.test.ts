import { expect, it } from '@jest/globals';
import { pino } from 'pino';
import { virtualClock } from '../../test/virtual-clock.ts';
import { UnavailableError } from '../errors.ts';
import { checkpointSaver } from './checkpoint-saver.ts';
import { shardAt } from './shard.ts';

it('has no problem any more once the shards that it could not save are another’s', async () => {
  const clock = virtualClock();
  const lost = new AbortController();
  const shard = shardAt(0, { name: 'relay-1/0', piece: '0', epoch: 1, lost: lost.signal }, 0);
  const held = new Map([[0, shard]]);
  const saver = checkpointSaver({
    checkpoints: {
      save: async () => {
        throw new UnavailableError('PostgreSQL is away');
      },
    },
    held,
    clock,
    logger: pino({ level: 'silent' }),
    onLost: () => {},
  });
  shard.ackedTo = 7;
  saver.moved();
  await clock.advance(1_000);
  expect(saver.problems()).toHaveLength(1);
  lost.abort();
  held.clear();
  await clock.advance(1_000);
  expect(saver.problems()).toEqual([]);
  expect(clock.pending()).toBe(0);
});
