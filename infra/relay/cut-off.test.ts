import { expect, it } from '@jest/globals';
import { pino } from 'pino';
import { virtualClock } from '../../test/virtual-clock.ts';
import { watchSending } from './cut-off.ts';

/** A relay of twelve shards. */
const watching = () => {
  const clock = virtualClock();
  const it = { silentMs: 0 };
  const sending = watchSending({
    silentMs: () => it.silentMs,
    shards: 12,
    clock,
    logger: pino({ level: 'silent' }),
  });
  return Object.assign(it, { clock, sending });
};

it('could do all shards while what it sends is acknowledged within ten seconds', () => {
  const it = watching();
  const { sending } = it;
  expect(sending.able()).toBe(12);
  it.silentMs = 9_999;
  expect(sending.able()).toBe(12);
  expect([sending.isCutOff(), sending.problems()]).toEqual([false, []]);
});

it('could do none after that, tries one after a pause, and all once something is acknowledged', async () => {
  const relay = watching();
  const { sending, clock } = relay;
  relay.silentMs = 10_000;
  expect([sending.able(), sending.isCutOff(), sending.problems().length]).toEqual([0, true, 1]);
  relay.silentMs = 0;
  await clock.advance(9_000);
  expect(sending.able()).toBe(0);
  await clock.advance(1_000);
  expect([sending.able(), sending.problems()]).toEqual([1, []]);
  relay.silentMs = 2_000;
  expect([sending.able(), sending.problems().length]).toEqual([1, 1]);
  sending.acknowledged();
  expect([sending.able(), sending.isCutOff(), sending.problems()]).toEqual([12, false, []]);
});

it('gives up sooner what it tries with, and tries ever less often, but once a minute', async () => {
  const relay = watching();
  const { sending, clock } = relay;
  relay.silentMs = 10_000;
  const pauses: number[] = [];
  for (let tries = 0; tries < 6; tries += 1) {
    expect(sending.able()).toBe(0);
    relay.silentMs = 0;
    const from = clock.monotonic();
    while (sending.able() === 0) await clock.advance(1_000);
    pauses.push(clock.monotonic() - from);
    relay.silentMs = 3_000;
  }
  expect(pauses).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
});
