import { expect, it } from '@jest/globals';
import { pino } from 'pino';
import { virtualClock } from '../../test/virtual-clock.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { Leases } from '../ports/leases.ts';
import type { Postgres } from '../postgres/connect.ts';
import { openRelay } from './relay.ts';

/** A relay whose log ends at 5, with a shard that was published up to 1,000. */
const refusing = () => {
  const clock = virtualClock();
  const attempts: (() => Promise<unknown>)[] = [];
  const leases: Leases = {
    compete: (_, [piece], begin) => {
      const lease = { name: `relay/${piece}`, piece: piece!, epoch: 1, lost: new AbortController().signal };
      attempts.push(async () => begin(lease));
      return { held: () => [], close: async () => {} };
    },
  };
  const relay = openRelay({
    log: { head: async () => 5 } as unknown as EventLog,
    leases,
    postgres: { query: async () => [{ position: 1_000 }] } as unknown as Postgres,
    publisher: { send: async () => {}, problems: () => [] },
    shards: 1,
    clock,
    logger: pino({ level: 'silent' }),
  });
  return { clock, relay, begin: () => attempts[0]!() };
};

it('refuses a shard that is ahead of its log, and says so for as long as it is offered to it', async () => {
  const { clock, relay, begin } = refusing();
  for (let tries = 0; tries < 3; tries += 1) {
    await expect(begin()).rejects.toThrow('was published up to position 1000');
    await clock.advance(4_000);
    expect(relay.problems()).toHaveLength(1);
  }
  // Another has begun with it meanwhile.
  await clock.advance(10_000);
  expect(relay.problems()).toEqual([]);
  await relay.close();
});
