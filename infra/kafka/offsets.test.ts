import type { Socket } from 'node:net';
import { expect, it } from '@jest/globals';
import { until } from '../../test/contract/broker-fixture.ts';
import { silent } from '../../test/stack/kit.ts';
import { virtualClock } from '../../test/virtual-clock.ts';
import { UnavailableError } from '../errors.ts';
import { offsetReader } from './offsets.ts';
import { openSmallBroker, readThere } from './testing/small-broker.ts';

const topic = 'payment.events';

/** A reader, and a broker that keeps back what it has to say over its first connection, until it is told otherwise. */
const asking = async () => {
  const clock = virtualClock();
  const held: (() => void)[] = [];
  const connections = new Set<Socket>();
  const state = { isSilent: true, requests: 0 };
  const broker = await openSmallBroker({ [topic]: 3 }, (answer, socket) => {
    state.requests += 1;
    connections.add(socket);
    if (state.isSilent && connections.size === 1) held.push(() => socket.write(answer));
    else socket.write(answer);
  });
  const reader = offsetReader({ brokers: [broker.address], clientId: 'test' }, '', clock, silent);
  const ask = () => reader.partitions([topic]);
  return Object.assign(state, {
    broker,
    ask,
    /** Asks where nothing is answered, as long as one waits. */
    askInVain: async () => {
      const answer = ask().catch((error: unknown) => error);
      await until(() => held.length === 1);
      await clock.advance(5_000);
      expect(await answer).toBeInstanceOf(UnavailableError);
    },
    /** Sends what was kept back. */
    answer: () => {
      for (const send of held.splice(0)) send();
    },
    /** Over how many connections it was asked. */
    connections: () => connections.size,
    end: async () => {
      await reader.close();
      await broker.close();
    },
  });
};

it('a connection over which nothing is answered is given up for a new one, and closed in the end', async () => {
  const it = await asking();
  await it.askInVain();
  await it.askInVain();
  await it.askInVain();
  expect(it.connections()).toBe(1);
  expect(await it.ask()).toEqual(new Map([[topic, 3]]));
  expect([it.connections(), it.broker.connections()]).toEqual([2, 2]);
  it.isSilent = false;
  it.answer();
  await until(() => it.broker.connections() === 1);
  await it.end();
});

/** The client library asks twice for what we ask once. */
const requestsEach = 2;

it('a connection that answers late is kept; nothing is asked for those who have gone', async () => {
  const it = await asking();
  for (let round = 1; round <= 2; round += 1) {
    it.isSilent = true;
    await it.askInVain();
    await it.askInVain();
    it.isSilent = false;
    it.answer();
    await until(() => it.requests >= round * requestsEach);
    await readThere();
    expect(it.requests).toBe(round * requestsEach);
  }
  expect(it.connections()).toBe(1);
  await it.end();
});
