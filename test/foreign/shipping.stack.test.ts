import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { CommandId, OrderId } from '@recourse/contracts/ids';
import { decode } from '@recourse/infra/kafka/codec';
import { ingestService } from '@recourse/ingest/service';
import type { Asked, Heard, Talk } from '../../services/host/conform/talk.ts';
import { commandOf, issue } from '../../services/ingest/testing/replies.ts';
import { openRoom as openLogRoom } from '../participant-kit.ts';
import { silent } from '../stack/kit.ts';
import { openRoom, type Room, talkIn } from './participant.ts';
import { describeWithPython } from './python.ts';

await describeWithPython('the example in Python', () => {
  let room: Room;
  let talk: Talk;
  beforeEach(async () => {
    room = await openRoom();
    talk = await talkIn(room);
  });
  afterEach(async () => {
    await talk.close();
    await room.dispose();
  });

  const newOrder = () => {
    const orderId = randomUUID() as OrderId;
    const make = (type: string, data: unknown): Asked => ({
      orderId,
      id: randomUUID() as CommandId,
      type,
      data,
    });
    return { orderId, ship: make('ShipOrder', { country: 'France' }), cancel: make('CancelShipment', {}) };
  };
  const ask = async (it: Asked, nth = 1): Promise<Heard> => {
    await talk.ask(it);
    const heard = await talk.answer(it.id, nth);
    expect(heard).toBeDefined();
    return heard!;
  };

  it('answers in CloudEvents that ingest takes into the log, once each', async () => {
    await room.start();
    const { orderId, ship, cancel } = newOrder();
    const answers = [await ask(ship), await ask(ship, 2), await ask(cancel)];
    expect(answers[0]!.headers).toMatchObject({
      ce_type: 'OrderShipped',
      ce_subject: orderId,
      ce_causationid: ship.id,
    });
    expect(answers[1]!.headers).toEqual(answers[0]!.headers);
    const logRoom = openLogRoom();
    try {
      for (const { type, id } of [ship, cancel])
        await issue(logRoom.log, orderId, commandOf(type as 'ShipOrder', id));
      const [group] = ingestService({
        log: logRoom.log,
        foreign: new Set(['shipping']),
        logger: silent,
      }).groups;
      for (const { key, headers, data } of answers) {
        const raw = {
          key: Buffer.from(key),
          value: Buffer.from(JSON.stringify(data)),
          timestamp: '0',
          headers,
        };
        const message = decode('shipping.replies', raw);
        if (message.kind === 'poison') throw new Error(message.reason);
        await group!.handle(message);
      }
      const records = await logRoom.log.readStream(`shipping-${orderId}`);
      expect(records.map(({ type }) => type)).toEqual(['OrderShipped', 'ShipmentCancellationRefused']);
    } finally {
      await logRoom.dispose();
    }
  });

  it('remembers its answers and its tombstones over a kill and a restart', async () => {
    const first = await room.start();
    const [one, other] = [newOrder(), newOrder()];
    const shipped = await ask(one.ship);
    await ask(other.cancel);
    await first.stop('SIGKILL');
    await room.start();
    expect((await ask(one.ship, 2)).data).toEqual(shipped.data);
    const late = await ask(other.ship);
    expect([late.headers.ce_type, late.data]).toEqual([
      'ShippingFailed',
      { commandId: other.ship.id, reason: 'already-cancelled' },
    ]);
  });

  it('goes on where it stopped, and loses no command meanwhile', async () => {
    const first = await room.start();
    await ask(newOrder().ship);
    expect(await first.stop()).toBe(0);
    expect(first.said()).toContain('stopped');
    const { ship } = newOrder();
    await talk.ask(ship);
    await room.start();
    expect((await talk.answer(ship.id))?.headers.ce_type).toBe('OrderShipped');
    expect(talk.heard()).toHaveLength(2);
  });
});
