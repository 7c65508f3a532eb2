import { describe, expect, it } from '@jest/globals';
import { UnavailableError } from '@recourse/infra/errors';
import type { Broker, ConsumerGroup, Message, ParkedMessage } from '@recourse/infra/ports/broker';
import { brokerDelivery } from './broker-delivery.ts';
import { brokerFailures } from './broker-failures.ts';
import { type BrokerHarness, newKey, publisher, settings, until, witness } from './broker-fixture.ts';

/**
 * What every `Broker` promises, twice: as it is, and behind a wrapper that reorders messages across topics, because
 * order is promised per topic and key, no more.
 */
export const brokerContract = (name: string, open: () => Promise<BrokerHarness>): void => {
  describe(`${name} as a broker`, () => {
    describe('while handlers succeed', () => brokerDelivery(open));
    describe('when handlers fail', () => brokerFailures(open));
  });
  describe(`${name} as a broker whose topics overtake each other`, () => {
    const reordered = async (): Promise<BrokerHarness> => {
      const harness = await open();
      const reorder = reorderingAcrossTopics();
      return { ...harness, open: async (settings) => reorder(await harness.open(settings)) };
    };
    it('does let them overtake', async () => {
      const harness = await reordered();
      const broker = await harness.open(settings);
      const publish = publisher(harness.log);
      const key = newKey();
      for (const number of [0, 1, 2, 3]) {
        await publish(key, 'payment.events', number);
        await publish(key, 'shipping.events', number);
      }
      const group = witness('group', ['payment.events', 'shipping.events']);
      broker.consume(group.consumer);
      await until(() => group.handled.length === 8);
      const positions = group.handled.map(({ position }) => position);
      expect(positions).not.toEqual(positions.toSorted((one, other) => one - other));
      await broker.close();
      await harness.end();
    });
    describe('while handlers succeed', () => brokerDelivery(reordered));
    describe('when handlers fail', () => brokerFailures(reordered));
  });
};

/** How long messages of a topic are held back, so that those of another overtake them. */
const heldMs = 4;

/**
 * Reads every topic of a group by a group of its own, and holds some of them back. A message that fails holds up its
 * key on all topics, as a broker's own group does; this is remembered when the broker is opened again.
 */
const reorderingAcrossTopics = () => {
  /** By group and key: the message that the key waits behind. */
  const blocked = new Map<
    string,
    { readonly messageId: string; readonly free: Promise<void>; release(): void }
  >();
  const busy = new Map<string, Promise<void>>();

  const block = (place: string, messageId: string) => {
    if (blocked.has(place)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    blocked.set(place, { messageId, free: promise, release: resolve });
  };
  const unblock = (messageId: string) => {
    for (const [place, block] of blocked) {
      if (block.messageId !== messageId) continue;
      blocked.delete(place);
      block.release();
    }
  };

  const handling =
    (group: ConsumerGroup, holdOdd: boolean, closing: Promise<'closing'>) => async (message: Message) => {
      const place = `${group.group} ${message.key}`;
      if (group.topics.length > 1 && message.revision % 2 === (holdOdd ? 1 : 0)) {
        await new Promise((resolve) => setTimeout(resolve, heldMs));
      }
      for (;;) {
        const block = blocked.get(place);
        if (block !== undefined && block.messageId !== message.id) {
          if ((await Promise.race([block.free, closing])) === 'closing')
            throw new UnavailableError('closing');
        } else if (busy.has(place)) await busy.get(place);
        else break;
      }
      const run = group.handle(message);
      busy.set(
        place,
        run.catch(() => {}).then(() => void busy.delete(place)),
      );
      try {
        await run;
        unblock(message.id);
      } catch (error) {
        block(place, message.id);
        throw error;
      }
    };

  return (broker: Broker): Broker => {
    const closing = Promise.withResolvers<'closing'>();
    return {
      ...broker,
      close: () => {
        closing.resolve('closing');
        return broker.close();
      },
      consume: (group) => {
        const left = Promise.withResolvers<'closing'>();
        const ending = Promise.race([closing.promise, left.promise]);
        const parts = group.topics.map((topic, index) =>
          broker.consume({
            ...group,
            group: partOf(group.group, topic),
            topics: [topic],
            handle: handling(group, index % 2 === 0, ending),
          }),
        );
        return {
          close: async () => {
            left.resolve('closing');
            await Promise.all(parts.map((part) => part.close()));
          },
        };
      },
      deadLetters: {
        ...broker.deadLetters,
        list: async (options) => (await broker.deadLetters.list(options)).map(whole),
        get: async (id) => {
          const found = await broker.deadLetters.get(id);
          return found && whole(found);
        },
        discard: async (id, note, by) => {
          const found = await broker.deadLetters.get(id);
          const discarded = await broker.deadLetters.discard(id, note, by);
          if (discarded) unblock(found!.messageId);
          return discarded;
        },
      },
      lag: async () => {
        const lag: Record<string, number> = {};
        for (const [part, records] of Object.entries(await broker.lag())) {
          lag[groupOf(part)] = Math.max(lag[groupOf(part)] ?? 0, records);
        }
        return lag;
      },
    };
  };
};

const partOf = (group: string, topic: string) => `${group}~${topic}`;
const groupOf = (part: string) => part.split('~')[0]!;
const whole = (parked: ParkedMessage): ParkedMessage => ({ ...parked, group: groupOf(parked.group) });
