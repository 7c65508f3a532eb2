import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CommandName } from '@recourse/contracts/commands';
import { eventData } from '@recourse/contracts/events';
import type { CommandId, OrderId } from '@recourse/contracts/ids';
import { PermanentError } from '@recourse/infra/errors';
import { eventId } from '@recourse/infra/event-id';
import type { ReplyMessage } from '@recourse/infra/ports/broker';
import {
  counted,
  keepingLogger,
  nthCommand,
  openRoom,
  orderId,
  tampered,
} from '../../test/participant-kit.ts';
import { ingestService } from './service.ts';
import { commandOf, issue, reply } from './testing/replies.ts';

const ship = nthCommand(1);
const cancel = nthCommand(2);
const pay = nthCommand(3);
const refund = nthCommand(4);
const authorize = nthCommand(7);
const voided = nthCommand(8);
const capture = nthCommand(9);
const issued: readonly [CommandName, CommandId][] = [
  ['ShipOrder', ship],
  ['CancelShipment', cancel],
  ['ProcessPayment', pay],
  ['RefundPayment', refund],
  ['AuthorizePayment', authorize],
  ['VoidPayment', voided],
  ['CapturePayment', capture],
];

let room: ReturnType<typeof openRoom>;
let lines: Record<string, unknown>[];
beforeEach(async () => {
  room = openRoom();
  for (const [type, id] of issued) await issue(room.log, orderId, commandOf(type, id));
});
afterEach(() => room.dispose());

const ingest = (log = room.log) => {
  const kept = keepingLogger();
  lines = kept.lines;
  const foreign = new Set(['payment', 'shipping'] as const);
  const [group] = ingestService({ log, foreign, logger: kept.logger }).groups;
  return group!;
};
const hear = async (...replies: readonly ReplyMessage[]) => {
  const group = ingest();
  for (const it of replies) await group.handle(it);
};
const refusal = async (it: ReplyMessage, group = ingest()): Promise<string> => {
  const error = await group.handle(it).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PermanentError);
  return (error as Error).message;
};

const shipped = reply(orderId, 'OrderShipped', { commandId: ship, shipmentId: 'sh_1' });
const notShipped = reply(orderId, 'ShippingFailed', { commandId: ship, reason: 'too far' });
const cancelled = (nothing: boolean) => reply(orderId, 'ShipmentCancelled', { commandId: cancel, nothing });
const refused = reply(orderId, 'ShipmentCancellationRefused', { commandId: cancel, reason: 'gone' });
const money = { amount: 500, currency: 'GBP' };
const paid = reply(orderId, 'PaymentProcessed', { commandId: pay, chargeId: 'ch_1', ...money });
const refunded = (data: object) => reply(orderId, 'PaymentRefunded', { commandId: refund, ...data });

describe('ingest', () => {
  it('takes an answer once, with ids that derive from the command and the answer', async () => {
    const { log, appends } = counted(room.log);
    const group = ingest(log);
    for (const it of [shipped, shipped, { ...shipped, id: 'another' }]) await group.handle(it);
    await ingest(log).handle(shipped);
    expect(appends()).toBe(1);
    const [record] = await room.log.readStream(`shipping-${orderId}`);
    expect(record).toMatchObject({
      type: 'OrderShipped',
      data: { commandId: ship, shipmentId: 'sh_1' },
      correlation: orderId,
      causation: ship,
      id: eventId(ship, 0, 'OrderShipped', { commandId: ship, shipmentId: 'sh_1' }),
    });
    expect(eventData.OrderShipped.parse(record!.data)).toEqual(record!.data);
  });

  it('hears the topics of those who are somebody else, and of nobody else', async () => {
    const { logger } = keepingLogger();
    expect(ingestService({ log: room.log, foreign: new Set(), logger }).groups).toEqual([]);
    const [group] = ingestService({ log: room.log, foreign: new Set(['payment']), logger }).groups;
    expect(group!.topics).toEqual(['payment.replies']);
    expect(await refusal(shipped, group)).toContain('does not take Reply from shipping.replies');
  });

  it.each([
    [
      'another answer',
      [shipped],
      notShipped,
      'was answered by OrderShipped before, and now by ShippingFailed',
    ],
    [
      'the same answer with other data',
      [shipped],
      reply(orderId, 'OrderShipped', { commandId: ship, shipmentId: 'sh_2' }),
      'one with another shipmentId',
    ],
    [
      'an answer after the other undo',
      [shipped, refused],
      cancelled(true),
      'was answered by ShipmentCancellationRefused',
    ],
    ['an undo behind the pivot', [shipped], cancelled(false), 'comes after OrderShipped, which is the pivot'],
    ['a refusal to undo what never happened', [], refused, 'comes without OrderShipped'],
    [
      'another amount',
      [],
      { ...paid, data: { ...paid.data, data: { ...(paid.data.data as object), amount: 5 } } },
      'is of another amount',
    ],
    [
      'a refund of nothing that was taken',
      [paid],
      refunded({ amount: 0, currency: 'GBP', nothing: true }),
      'says nothing was there',
    ],
    [
      'a refund of less',
      [paid],
      refunded({ amount: 499, currency: 'GBP', nothing: false }),
      'gives back another amount',
    ],
    [
      'a refund of what was never said',
      [],
      refunded({ ...money, nothing: false }),
      'takes back what was never answered',
    ],
    [
      'nothing, with an amount',
      [],
      refunded({ ...money, nothing: true }),
      'says nothing was there, with an amount',
    ],
  ])('refuses for good %s', async (_, before, it, why) => {
    await hear(...before);
    const head = await room.log.head();
    expect(await refusal(it)).toContain(why);
    expect(await room.log.head()).toBe(head);
  });

  it.each([
    [
      'a command that was never issued',
      { ...shipped.data, data: { commandId: nthCommand(99), shipmentId: 's' } },
      'never issued command',
    ],
    [
      'a command of another participant',
      { ...shipped.data, data: { commandId: pay, shipmentId: 's' } },
      'does not answer ProcessPayment',
    ],
    [
      'an intent',
      { type: 'ShipmentStarted', version: 1, data: {} },
      '"ShipmentStarted" is no answer of shipping',
    ],
    [
      'an answer of another participant',
      { type: 'PaymentFailed', version: 1, data: {} },
      'is no answer of shipping',
    ],
    ['an unknown type', { type: 'ParcelVanished', version: 1, data: {} }, 'is no answer of shipping'],
    ['no version', { ...shipped.data, version: 0 }, 'of version 0 is not known'],
    ['a newer version', { ...shipped.data, version: 2 }, 'of version 2 is not known'],
    ['no data', { ...shipped.data, data: null }, 'OrderShipped: data'],
    ['half the data', { ...shipped.data, data: { commandId: ship } }, 'shipmentId'],
    [
      'a field too many',
      { ...shipped.data, data: { commandId: ship, shipmentId: 's', colour: 'red' } },
      'colour',
    ],
    [
      'what only a person may say',
      { ...shipped.data, data: { commandId: ship, shipmentId: 's', by: 'person' } },
      'by',
    ],
    [
      'what only Recourse may say',
      { ...shipped.data, data: { commandId: ship, shipmentId: 's', late: true } },
      'late',
    ],
  ])('refuses for good %s, and says no value', async (_, data, why) => {
    const message = await refusal({ ...shipped, data, topic: 'shipping.replies' });
    expect(message).toContain(why);
    expect(message).not.toContain('red');
    expect(await room.types('shipping')).toEqual([]);
  });

  it('refuses an answer to a command of another order, which it remembers', async () => {
    const other = '0192f0a0-0000-7000-8000-000000000002' as OrderId;
    const group = ingest();
    await group.handle(shipped);
    expect(await refusal({ ...shipped, key: other, correlation: other }, group)).toContain('never issued');
  });

  it('finds a command far behind in the stream of a saga that has asked for days', async () => {
    for (let ask = 0; ask < 40; ask += 1)
      await issue(room.log, orderId, commandOf('CompleteOrder', nthCommand(50)));
    await hear(shipped);
    expect(await room.types('shipping')).toEqual(['OrderShipped']);
  });

  it('records the answer to an undo that comes after the parcel is gone', async () => {
    await hear(shipped, refused, refused);
    expect(await room.types('shipping')).toEqual(['OrderShipped', 'ShipmentCancellationRefused']);
  });

  it('records as late what happened behind a tombstone: it is flagged, and decides nothing', async () => {
    await hear(cancelled(true), shipped, shipped);
    expect(await room.types('shipping')).toEqual(['ShipmentCancelled', 'late OrderShipped']);
    expect(lines.at(-1)).toMatchObject({ level: 40, type: 'OrderShipped', commandId: ship });
    expect(await refusal(notShipped)).toContain('was answered by OrderShipped before');
  });

  it('has nothing to record where the tombstone kept its promise', async () => {
    await hear(cancelled(true), notShipped, notShipped);
    expect(await room.types('shipping')).toEqual(['ShipmentCancelled']);
  });

  it('records money that was taken behind a tombstone', async () => {
    await hear(refunded({ amount: 0, currency: 'GBP', nothing: true }), paid);
    expect(await room.types('payment')).toEqual(['PaymentRefunded', 'late PaymentProcessed']);
  });

  it('takes money forth and back', async () => {
    await hear(paid, refunded({ ...money, nothing: false, refundId: 're_1' }));
    expect(await room.types('payment')).toEqual(['PaymentProcessed', 'PaymentRefunded']);
  });

  it('takes an authorisation, and its end', async () => {
    const authorized = { commandId: authorize, authorizationId: 'au_1', ...money };
    await hear(
      reply(orderId, 'PaymentAuthorized', authorized),
      reply(orderId, 'PaymentCaptured', { commandId: capture, captureId: 'ca_1', ...money }),
    );
    expect(await room.types('payment')).toEqual(['PaymentAuthorized', 'PaymentCaptured']);
    expect(await refusal(reply(orderId, 'PaymentVoided', { commandId: voided, nothing: true }))).toContain(
      'PaymentAuthorized was answered',
    );
  });

  it('records an answer that comes after a person has given one as late, once', async () => {
    const settled = { commandId: ship, reason: 'settled-by-person', by: 'person', note: 'n', reference: 'r' };
    await room.log.append(`shipping-${orderId}`, -1, [
      {
        type: 'ShippingFailed',
        data: settled as never,
        id: eventId(ship, 0, 'x', 1),
        correlation: orderId,
        causation: ship,
      },
    ]);
    await hear(shipped, shipped);
    expect(await room.types('shipping')).toEqual(['ShippingFailed', 'late OrderShipped']);
    expect(await refusal(notShipped)).toContain('was answered by OrderShipped before');
  });

  it('never refuses from memory: what another process has taken since counts', async () => {
    const stale = ingest();
    await stale.handle(notShipped).catch(() => {});
    const [behind, ahead] = [ingest(), ingest()];
    const failed = reply(orderId, 'PaymentFailed', { commandId: pay, reason: 'no' });
    expect(await refusal(refunded({ ...money, nothing: false }), behind)).toContain('never answered');
    await ahead.handle(paid);
    await behind.handle(refunded({ ...money, nothing: false }));
    expect(await room.types('payment')).toEqual(['PaymentProcessed', 'PaymentRefunded']);
    expect(await refusal(failed, behind)).toContain('was answered by PaymentProcessed');
  });

  it('never passes anything by from memory, either', async () => {
    const [behind, ahead] = [ingest(), ingest()];
    await behind.handle(cancelled(true));
    await ahead.handle(shipped);
    expect(await refusal(notShipped, behind)).toContain('was answered by OrderShipped');
  });

  it('decides again on what it finds where two answers come to two processes at once', async () => {
    let rival: Promise<void> | undefined;
    const racing = tampered(room.log, {
      before: () => {
        rival ??= ingest().handle(notShipped);
        return rival;
      },
    });
    expect(await refusal(shipped, ingest(racing))).toContain('was answered by ShippingFailed before');
    expect(await room.types('shipping')).toEqual(['ShippingFailed']);
  });
});
