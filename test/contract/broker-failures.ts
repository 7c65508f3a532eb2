import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import { PermanentError, UnavailableError } from '@recourse/infra/errors';
import type { Broker, Message } from '@recourse/infra/ports/broker';
import {
  aWhile,
  type BrokerHarness,
  type BrokerSettings,
  newKey,
  numberOf,
  publisher,
  settings,
  until,
  witness,
} from './broker-fixture.ts';

const both = ['payment.events', 'shipping.events'] as const;

/** What every broker promises when handlers fail. */
export const brokerFailures = (open: () => Promise<BrokerHarness>): void => {
  let harness: BrokerHarness;
  let broker: Broker;
  let publish: ReturnType<typeof publisher>;
  const start = async (wanted: Partial<BrokerSettings> = {}) => {
    broker = await harness.open({ ...settings, ...wanted });
    return broker;
  };

  /** A handler that fails on one number of one key while `broken` says so. */
  const failing = (bad: OrderId, number: number) => {
    const it = { broken: true, tries: 0, error: new Error('cannot make sense of it') as Error };
    const handle = (message: Message) => {
      if (message.key !== bad || numberOf(message) !== number) return;
      it.tries += 1;
      if (it.broken) throw it.error;
    };
    return Object.assign(it, { handle });
  };
  const deadLetter = async () => {
    await until(
      async () => (await broker.deadLetters.counts()).dead === 1,
      () => 'a dead letter',
    );
    return (await broker.deadLetters.list({ max: 10 }))[0]!;
  };

  beforeEach(async () => {
    harness = await open();
    publish = publisher(harness.log);
  });
  afterEach(async () => {
    await broker.close();
    await harness.end();
  });

  describe('tries again', () => {
    it('at once, holding the key in its order, and parks nothing when that helps', async () => {
      const key = newKey();
      const fault = failing(key, 1);
      const group = witness('group', ['payment.events'], async (message) => {
        try {
          await fault.handle(message);
        } finally {
          fault.broken = fault.tries < 1;
        }
      });
      (await start()).consume(group.consumer);
      await publish(key, 'payment.events', 0, 1, 2);
      await until(() => group.handled.length === 3);
      expect(group.numbers(key)).toEqual([0, 1, 2]);
      expect(group.seen.map(numberOf)).toEqual([0, 1, 1, 2]);
      expect(await broker.deadLetters.counts()).toEqual({ waiting: 0, dead: 0 });
    });

    it('later, with the others of its key behind it on all topics and other keys going on', async () => {
      const [bad, good] = [newKey(), newKey()];
      const fault = failing(bad, 1);
      const group = witness('group', both, fault.handle);
      (await start({ retryDelaysMs: [150, 150, 150, 10_000] })).consume(group.consumer);
      await publish(bad, 'payment.events', 0, 1, 2, 3);
      await until(
        async () => (await broker.deadLetters.counts()).waiting > 0,
        () => 'a waiting message',
      );
      await publish(bad, 'shipping.events', 4);
      await publish(good, 'payment.events', 0, 1, 2);
      await until(() => group.numbers(good).length === 3);
      expect(group.numbers(bad)).toEqual([0]);
      expect(await broker.deadLetters.list({ max: 10 })).toEqual([]);
      fault.broken = false;
      await until(() => group.numbers(bad).length === 5);
      expect(group.numbers(bad, 'payment.events')).toEqual([0, 1, 2, 3]);
      await until(async () => (await broker.deadLetters.counts()).waiting === 0);
      await publish(bad, 'payment.events', 5, 6);
      await until(() => group.numbers(bad).length === 7);
      expect(group.numbers(bad, 'payment.events')).toEqual([0, 1, 2, 3, 5, 6]);
    });

    it('in order while new messages of the key keep coming', async () => {
      const bad = newKey();
      const fault = failing(bad, 0);
      const group = witness('group', ['payment.events'], async (message) => {
        await new Promise((resolve) => setImmediate(resolve));
        await fault.handle(message);
      });
      (await start({ retryDelaysMs: Array(250).fill(40) })).consume(group.consumer);
      const numbers = Array.from({ length: 60 }, (_, number) => number);
      for (const number of numbers) {
        await publish(bad, 'payment.events', number);
        if (number === 20) fault.broken = false;
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      await until(() => group.numbers(bad).length >= 60);
      expect(group.numbers(bad)).toEqual(numbers);
    });

    it('for ever and without counting while something cannot be reached, and goes on by itself', async () => {
      const [bad, good] = [newKey(), newKey()];
      const fault = failing(bad, 1);
      fault.error = new UnavailableError('the log is away');
      const group = witness('group', ['payment.events'], fault.handle);
      (await start({ quickRetries: 0, retryDelaysMs: [] })).consume(group.consumer);
      await publish(bad, 'payment.events', 0, 1, 2);
      await until(() => fault.tries >= 1);
      await publish(good, 'payment.events', 0, 1);
      await until(
        () => fault.tries >= 4,
        () => 'four tries',
      );
      expect(group.numbers(good)).toEqual([]);
      expect(await broker.deadLetters.counts()).toEqual({ waiting: 0, dead: 0 });
      fault.broken = false;
      await until(() => group.handled.length === 5);
      expect([group.numbers(bad), group.numbers(good)]).toEqual([
        [0, 1, 2],
        [0, 1],
      ]);
    });

    it('after a restart, when it could not be reached until then', async () => {
      const key = newKey();
      const away = witness('group', ['payment.events'], () => {
        throw new UnavailableError('the log is away');
      });
      (await start()).consume(away.consumer);
      await publish(key, 'payment.events', 0, 1);
      await until(() => away.seen.length >= 2);
      await broker.close();
      const back = witness('group', ['payment.events']);
      (await start()).consume(back.consumer);
      await until(() => back.handled.length === 2);
      expect(back.numbers(key)).toEqual([0, 1]);
    });
  });

  describe('makes a dead letter', () => {
    it('of what fails to the last: kept whole, in its place, for its group alone', async () => {
      const [bad, good] = [newKey(), newKey()];
      const fault = failing(bad, 1);
      const group = witness('group', ['payment.events'], fault.handle);
      const other = witness('other', ['payment.events']);
      await start();
      for (const { consumer } of [group, other]) broker.consume(consumer);
      await publish(bad, 'payment.events', 0, 1, 2);
      const dead = await deadLetter();
      await publish(bad, 'payment.events', 3);
      await publish(good, 'payment.events', 0);
      await until(() => other.handled.length === 5 && group.handled.length === 2);
      const message = other.handled.find((it) => it.key === bad && numberOf(it) === 1)!;
      expect(dead).toMatchObject({
        group: 'group',
        topic: 'payment.events',
        key: bad,
        state: 'dead',
        message,
      });
      expect(dead).toMatchObject({
        messageId: message.id,
        type: 'PaymentProcessed',
        position: message.position,
      });
      expect(dead.error).toContain('cannot make sense of it');
      expect(dead.attempts).toBe(4);
      expect(fault.tries).toBe(4);
      expect(await broker.deadLetters.get(dead.id)).toEqual(dead);
      expect(group.numbers(bad)).toEqual([0]);
    });

    it('at once of what can never be handled as it is', async () => {
      const bad = newKey();
      const fault = failing(bad, 0);
      fault.error = new PermanentError('never issued');
      const group = witness('group', ['payment.events'], fault.handle);
      (await start({ retryDelaysMs: [60_000] })).consume(group.consumer);
      await publish(bad, 'payment.events', 0, 1);
      const dead = await deadLetter();
      expect([dead.state, dead.attempts, fault.tries]).toEqual(['dead', 1, 1]);
      fault.broken = false;
      await broker.deadLetters.redrive(dead.id);
      await until(() => group.handled.length === 2);
      expect(group.numbers(bad)).toEqual([0, 1]);
    });

    it('that a person redrives: it is handled, and those behind it follow in order', async () => {
      const bad = newKey();
      const fault = failing(bad, 1);
      const group = witness('group', both, fault.handle);
      (await start()).consume(group.consumer);
      await publish(bad, 'payment.events', 0, 1, 2);
      const { id } = await deadLetter();
      await publish(bad, 'payment.events', 3);
      await publish(bad, 'shipping.events', 4);
      fault.broken = false;
      expect(await broker.deadLetters.redrive(id)).toBe(true);
      await publish(bad, 'payment.events', 5);
      await until(() => group.numbers(bad).length === 6);
      expect(group.numbers(bad, 'payment.events')).toEqual([0, 1, 2, 3, 5]);
      await until(async () => (await broker.deadLetters.counts()).waiting === 0);
      expect(await broker.deadLetters.counts()).toEqual({ waiting: 0, dead: 0 });
      expect(await broker.deadLetters.redrive(id)).toBe(false);
    });

    it('again, when a redrive fails to the last', async () => {
      const bad = newKey();
      const fault = failing(bad, 0);
      const group = witness('group', ['payment.events'], fault.handle);
      (await start()).consume(group.consumer);
      await publish(bad, 'payment.events', 0, 1);
      const { id } = await deadLetter();
      await broker.deadLetters.redrive(id);
      await until(
        () => fault.tries === 8,
        () => 'as many tries again',
      );
      expect((await deadLetter()).id).toBe(id);
      expect(group.handled).toHaveLength(0);
    });

    it('that a person discards: it never comes again, and those behind it follow in order', async () => {
      const bad = newKey();
      const fault = failing(bad, 1);
      const group = witness('group', ['payment.events'], fault.handle);
      (await start()).consume(group.consumer);
      await publish(bad, 'payment.events', 0, 1, 2, 3);
      const { id } = await deadLetter();
      expect(await broker.deadLetters.discard(id, 'sent twice', 'ann')).toBe(true);
      await publish(bad, 'payment.events', 4);
      await until(() => group.numbers(bad).length === 4);
      expect(await broker.deadLetters.discard(id, 'sent twice', 'ann')).toBe(false);
      await broker.close();
      const after = witness('group', ['payment.events']);
      (await start()).consume(after.consumer);
      await publish(bad, 'payment.events', 5);
      await until(() => after.handled.length >= 1);
      await aWhile();
      expect([group.numbers(bad), after.numbers(bad)]).toEqual([[0, 2, 3, 4], [5]]);
      expect(await broker.deadLetters.counts()).toEqual({ waiting: 0, dead: 0 });
    });

    it('that survives a restart, with those behind it', async () => {
      const bad = newKey();
      const fault = failing(bad, 0);
      const before = witness('group', ['payment.events'], fault.handle);
      (await start()).consume(before.consumer);
      await publish(bad, 'payment.events', 0, 1);
      const { id } = await deadLetter();
      await broker.close();
      await publish(bad, 'payment.events', 2);
      const after = witness('group', ['payment.events']);
      (await start()).consume(after.consumer);
      await aWhile();
      expect(after.seen).toHaveLength(0);
      expect((await deadLetter()).id).toBe(id);
      expect(await broker.deadLetters.redrive(id)).toBe(true);
      await until(() => after.handled.length === 3);
      expect(after.numbers(bad)).toEqual([0, 1, 2]);
    });

    it('and lists them by position, page by page, and by order', async () => {
      const keys = [newKey(), newKey(), newKey()];
      const group = witness('group', ['payment.events'], () => {
        throw new Error('never');
      });
      (await start({ quickRetries: 0, retryDelaysMs: [] })).consume(group.consumer);
      for (const key of keys) await publish(key, 'payment.events', 0);
      await until(async () => (await broker.deadLetters.counts()).dead === 3);
      const { list, get, redrive, discard } = broker.deadLetters;
      const first = await list({ max: 2 });
      const rest = await list({ max: 2, after: first.at(-1)!.id });
      expect([...first, ...rest].map(({ key }) => key)).toEqual(keys);
      expect((await list({ max: 2, key: keys[1]! })).map(({ key }) => key)).toEqual([keys[1]]);
      expect(await list({ max: 2, after: rest.at(-1)!.id })).toEqual([]);
      for (const unknown of ['', 'no such id', '1-0-nobody', '999999-0-group']) {
        expect(await get(unknown)).toBeUndefined();
        expect(await redrive(unknown)).toBe(false);
        expect(await discard(unknown, 'note', 'ann')).toBe(false);
      }
    });
  });
};
