import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { EventData } from '@recourse/contracts/events';
import { delivered, nthCommand, openRoom, orderId, tampered } from '../../test/participant-kit.ts';
import { orderService } from './service.ts';

const data = {
  customerId: null,
  currency: 'GBP',
  country: 'France',
  paymentToken: 'tok_accepted',
  lines: [{ sku: 'A', quantity: 2, unitPrice: 250 }],
  total: 500,
  bodyHash: 'hash',
} as unknown as EventData['OrderCreated'];

const request = nthCommand(1);
const again = nthCommand(2);
const wish = nthCommand(3);
const complete = nthCommand(4);
const cancel = nthCommand(5);
const completeOrder = delivered({ type: 'CompleteOrder', id: complete, data: {} });
const cancelOrder = delivered({
  type: 'CancelOrder',
  id: cancel,
  data: { because: 'customer-cancelled' },
});

let room: ReturnType<typeof openRoom>;
beforeEach(() => {
  room = openRoom();
});
afterEach(() => room.dispose());

const service = (log = room.log) => orderService({ log });
const types = () => room.types('order');

describe('creating an order', () => {
  it('appends it once; a second request learns what was ordered first', async () => {
    const orders = service();
    expect(await orders.create(orderId, data, request)).toEqual({ created: true, position: 1 });
    const other = { ...data, total: 999 };
    expect(await orders.create(orderId, other, again)).toEqual({ created: false, order: data });
    expect(await service().create(orderId, other, again)).toEqual({ created: false, order: data });
    expect(await types()).toEqual(['OrderCreated']);
  });

  it('tells what was ordered also when the order has long ended', async () => {
    const orders = service();
    await orders.create(orderId, data, request);
    await orders.group.handle(completeOrder);
    expect(await orders.create(orderId, data, again)).toEqual({ created: false, order: data });
    expect((await orders.load(orderId)).state).toEqual({ status: 'completed' });
  });

  it('of two requests at once lets one win', async () => {
    const answers = await Promise.all([
      service().create(orderId, data, request),
      service().create(orderId, data, again),
    ]);
    expect(answers.map(({ created }) => created).sort()).toEqual([false, true]);
    expect(await types()).toEqual(['OrderCreated']);
  });
});

describe('the ends of an order', () => {
  it('are recorded once, with the command that asked', async () => {
    const orders = service();
    await orders.create(orderId, data, request);
    await orders.group.handle(completeOrder);
    await orders.group.handle(completeOrder);
    await service().group.handle(completeOrder);
    expect((await room.events('order')).slice(1)).toEqual([
      {
        type: 'OrderCompleted',
        data: { commandId: complete, cancellationRefused: false },
        causation: complete,
      },
    ]);
  });

  it('say why an order was taken back', async () => {
    const orders = service();
    await orders.create(orderId, data, request);
    await orders.group.handle(cancelOrder);
    expect((await room.events('order')).at(-1)?.data).toEqual({
      commandId: cancel,
      because: 'customer-cancelled',
    });
  });

  it('do not both come: the second is a bug', async () => {
    const orders = service();
    await orders.create(orderId, data, request);
    await orders.group.handle(completeOrder);
    await expect(orders.group.handle(cancelOrder)).rejects.toThrow(
      'CancelOrder on an order that is completed',
    );
  });

  it('of an order that never was are a bug', async () => {
    await expect(service().group.handle(completeOrder)).rejects.toThrow(
      'CompleteOrder on an order that is none',
    );
  });

  it('come also where this process remembers that there was no such order', async () => {
    const remembering = service();
    await remembering.load(orderId);
    await service().create(orderId, data, request);
    await remembering.group.handle(completeOrder);
    expect(await types()).toEqual(['OrderCreated', 'OrderCompleted']);
  });

  it('say that a cancellation was asked for, also where this process did not hear of it', async () => {
    const remembering = service();
    await remembering.create(orderId, data, request);
    await service().requestCancellation(orderId, wish);
    await remembering.group.handle(completeOrder);
    expect((await room.events('order')).at(-1)?.data).toEqual({
      commandId: complete,
      cancellationRefused: true,
    });
  });
});

describe('asking to cancel an order', () => {
  it('is recorded once, and answers the order as it is', async () => {
    const orders = service();
    await orders.create(orderId, data, request);
    for (const causation of [wish, again])
      expect((await orders.requestCancellation(orderId, causation)).state).toEqual({
        status: 'open',
        cancellationRequested: true,
      });
    expect(await types()).toEqual(['OrderCreated', 'OrderCancellationRequested']);
  });

  it('that never was, or has ended, records nothing', async () => {
    const orders = service();
    expect((await orders.requestCancellation(orderId, wish)).state).toEqual({ status: 'none' });
    await orders.create(orderId, data, request);
    await orders.group.handle(cancelOrder);
    expect((await orders.requestCancellation(orderId, wish)).state).toEqual({ status: 'cancelled' });
    expect(await types()).toEqual(['OrderCreated', 'OrderCancelled']);
  });

  it('sees what another process has done since, whatever this one remembers', async () => {
    const remembering = service();
    await remembering.load(orderId);
    await service().create(orderId, data, request);
    expect((await remembering.load(orderId)).state).toMatchObject({ status: 'open' });
    await service().group.handle(completeOrder);
    expect((await remembering.requestCancellation(orderId, wish)).state).toEqual({ status: 'completed' });
  });

  it('while the order is being completed leaves one of the two truths, never both', async () => {
    await service().create(orderId, data, request);
    const overtaken = tampered(room.log, { before: () => service().group.handle(completeOrder) });
    expect((await service(overtaken).requestCancellation(orderId, wish)).state).toEqual({
      status: 'completed',
    });
    expect(await types()).toEqual(['OrderCreated', 'OrderCompleted']);
  });
});
