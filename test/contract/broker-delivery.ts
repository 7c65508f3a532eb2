import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream, receiptStream } from '@recourse/contracts/streams';
import { UnavailableError } from '@recourse/infra/errors';
import type { Broker } from '@recourse/infra/ports/broker';
import {
  aWhile,
  type BrokerHarness,
  type BrokerSettings,
  newKey,
  numberOf,
  publisher,
  sagaAdvanced,
  settings,
  until,
  witness,
} from './broker-fixture.ts';

const both = ['payment.events', 'shipping.events'] as const;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What every broker promises while handlers succeed. */
export const brokerDelivery = (open: () => Promise<BrokerHarness>): void => {
  let harness: BrokerHarness;
  let broker: Broker;
  let publish: ReturnType<typeof publisher>;
  const start = async (wanted: Partial<BrokerSettings> = {}) => {
    broker = await harness.open({ ...settings, ...wanted });
    return broker;
  };

  beforeEach(async () => {
    harness = await open();
    publish = publisher(harness.log);
  });
  afterEach(async () => {
    await broker.close();
    await harness.end();
  });

  describe('carries', () => {
    it('an event as a message on the topic of its type, with all that its record says', async () => {
      const payments = witness('payments', ['payment.events']);
      (await start()).consume(payments.consumer);
      const key = newKey();
      await publish(key, 'payment.events', 7);
      await until(() => payments.handled.length === 1);
      const [record] = await harness.log.readStream(orderStream('payment', key));
      expect(payments.handled[0]).toEqual({ ...record, kind: 'event', topic: 'payment.events', key });
    });

    it('a saga step as an event, and each command that it issues to its participant', async () => {
      const sagas = witness('timers', ['saga.events']);
      const payment = witness('payment', ['payment.commands']);
      const shipping = witness('shipping', ['shipping.commands']);
      await start();
      for (const group of [sagas, payment, shipping]) broker.consume(group.consumer);
      const key = newKey();
      const advanced = sagaAdvanced(key);
      await harness.log.append(orderStream('saga', key), -1, [advanced]);
      await until(() => [sagas, payment, shipping].every((group) => group.handled.length === 1));
      const [pay, ship] = advanced.data.commands;
      const carried = {
        key,
        correlation: key,
        causation: advanced.id,
        stream: orderStream('saga', key),
        revision: 0,
      };
      expect(sagas.handled[0]).toMatchObject({
        kind: 'event',
        id: advanced.id,
        type: 'SagaAdvanced',
        data: advanced.data,
      });
      expect(payment.handled[0]).toMatchObject({
        ...carried,
        kind: 'command',
        topic: 'payment.commands',
        version: 1,
        ...pay,
      });
      expect(shipping.handled[0]).toMatchObject({
        ...carried,
        kind: 'command',
        topic: 'shipping.commands',
        ...ship,
      });
    });

    it('nothing of what stays in the log, and nothing of topics that a group did not ask for', async () => {
      const payments = witness('payments', ['payment.events']);
      (await start()).consume(payments.consumer);
      const key = newKey();
      const receipt = newKey() as string as Parameters<typeof receiptStream>[0];
      const stays = { id: newKey() as string as never, correlation: receipt, causation: receipt };
      await harness.log.append(receiptStream(receipt), -1, [
        { ...stays, type: 'ReceiptStarted', data: { sku: 'A' as never, quantity: 1, revision: -1 } },
      ]);
      await publish(key, 'shipping.events', 1);
      await publish(key, 'payment.events', 2);
      await until(() => payments.handled.length > 0);
      expect(payments.seen.map((message) => message.topic)).toEqual(['payment.events']);
    });

    it('everything to every group, each at its own pace', async () => {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const slow = witness('slow', ['payment.events'], () => held);
      const quick = witness('quick', ['payment.events']);
      await start();
      for (const group of [slow, quick]) broker.consume(group.consumer);
      const key = newKey();
      await publish(key, 'payment.events', ...range(0, 20));
      await until(() => quick.handled.length === 20);
      expect(slow.handled).toHaveLength(0);
      release();
      await until(() => slow.handled.length === 20);
      expect(slow.numbers(key)).toEqual(range(0, 20));
    });

    it('what was published before a group first joined', async () => {
      await start();
      const key = newKey();
      await publish(key, 'payment.events', ...range(0, 5));
      const late = witness('late', ['payment.events']);
      broker.consume(late.consumer);
      await until(() => late.handled.length === 5);
      expect(late.numbers(key)).toEqual(range(0, 5));
    });
  });

  describe('orders', () => {
    it('the messages of a key within a topic, one of a key at a time', async () => {
      const busy = new Set<OrderId>();
      let overlaps = 0;
      const group = witness('group', both, async (message) => {
        if (busy.has(message.key)) overlaps += 1;
        busy.add(message.key);
        for (let turns = numberOf(message) % 4; turns > 0; turns -= 1) await turn();
        busy.delete(message.key);
      });
      (await start()).consume(group.consumer);
      const keys = range(0, 20).map(newKey);
      for (const number of range(0, 10)) {
        await Promise.all(keys.flatMap((key) => both.map((topic) => publish(key, topic, number))));
      }
      await until(() => group.handled.length === 400);
      for (const key of keys)
        for (const topic of both) expect(group.numbers(key, topic)).toEqual(range(0, 10));
      expect(overlaps).toBe(0);
    });

    it('no key behind another: one that takes long holds up only itself', async () => {
      const [slow, quick] = [newKey(), newKey()];
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const group = witness('group', ['payment.events'], ({ key }) => (key === slow ? held : undefined));
      (await start()).consume(group.consumer);
      await publish(slow, 'payment.events', 0, 1);
      await publish(quick, 'payment.events', ...range(0, 10));
      await until(() => group.numbers(quick).length === 10);
      expect(group.seen.filter(({ key }) => key === slow).map(numberOf)).toEqual([0]);
      release();
      await until(() => group.numbers(slow).length === 2);
    });

    it('and holds no more than so many messages in hand, however slow the handler', async () => {
      let now = 0;
      let most = 0;
      const group = witness('group', ['payment.events'], async () => {
        now += 1;
        most = Math.max(most, now);
        await turn();
        await turn();
        now -= 1;
      });
      (await start({ inHandMax: 50 })).consume(group.consumer);
      const keys = range(0, 100).map(newKey);
      await Promise.all(keys.map((key) => publish(key, 'payment.events', ...range(0, 50))));
      await until(() => group.handled.length === 5_000);
      expect(most).toBeGreaterThan(1);
      expect(most).toBeLessThanOrEqual(50);
      for (const key of keys) expect(group.numbers(key)).toEqual(range(0, 50));
    });
  });

  describe('keeps its place', () => {
    const restart = async () => {
      await broker.close();
      return start();
    };

    it('over a restart: what was handled does not come again, what was not does', async () => {
      const [first, second] = [newKey(), newKey()];
      const before = witness('group', ['payment.events'], (message) => {
        if (message.key === second && numberOf(message) === 1) throw new UnavailableError('not now');
      });
      (await start()).consume(before.consumer);
      await publish(first, 'payment.events', 0, 1, 2);
      await publish(second, 'payment.events', 0);
      await until(() => before.handled.length === 4);
      await publish(second, 'payment.events', 1);
      await until(() => before.seen.length > 4);
      await broker.close();
      await publish(first, 'payment.events', 3);
      const after = witness('group', ['payment.events']);
      (await start()).consume(after.consumer);
      await until(() => after.handled.length >= 2);
      await aWhile();
      expect([after.numbers(first), after.numbers(second)]).toEqual([[3], [1]]);
    });

    it('when a group leaves and joins again', async () => {
      const key = newKey();
      const group = witness('group', ['payment.events']);
      const subscription = (await start()).consume(group.consumer);
      await publish(key, 'payment.events', 0);
      await until(() => group.handled.length === 1);
      await subscription.close();
      await publish(key, 'payment.events', 1);
      await aWhile();
      expect(group.numbers(key)).toEqual([0]);
      broker.consume(group.consumer);
      await until(() => group.handled.length === 2);
      expect(group.numbers(key)).toEqual([0, 1]);
    });

    it('waiting at close for the handler that runs', async () => {
      let ended = false;
      const group = witness('group', ['payment.events'], async () => {
        await aWhile();
        ended = true;
      });
      (await start()).consume(group.consumer);
      await publish(newKey(), 'payment.events', 0);
      await until(() => group.seen.length === 1);
      await broker.close();
      expect(ended).toBe(true);
      const again = witness('group', ['payment.events']);
      (await start()).consume(again.consumer);
      await aWhile();
      expect(again.seen).toHaveLength(0);
    });

    it('but moves no checkpoint past what the group has not made durable', async () => {
      const key = newKey();
      let durable = false;
      const join = () => {
        const group = witness('group', ['payment.events']);
        const beforeCheckpoint = async () => {
          if (!durable) throw new Error('not durable yet');
        };
        broker.consume({ ...group.consumer, beforeCheckpoint });
        return group;
      };
      await start();
      const first = join();
      await publish(key, 'payment.events', 0);
      await until(() => first.handled.length === 1);
      await restart();
      const second = join();
      await until(() => second.handled.length === 1);
      durable = true;
      await restart();
      const third = join();
      await publish(key, 'payment.events', 1);
      await until(() => third.handled.length >= 1);
      await aWhile();
      expect(third.numbers(key)).toEqual([1]);
    });

    it('and says how far behind it is', async () => {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const group = witness('group', ['payment.events'], () => held);
      (await start()).consume(group.consumer);
      await publish(newKey(), 'payment.events', 0);
      await until(() => group.seen.length === 1);
      await publish(newKey(), 'payment.events', 0);
      await until(async () => (await broker.lag()).group! >= 2);
      release();
      await until(async () => (await broker.lag()).group === 0);
    });
  });
};
