import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CommandMessage } from '@recourse/infra/ports/broker';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import {
  counted,
  crashing,
  delivered,
  gate,
  keepingLogger,
  nthCommand,
  openRoom,
  orderId,
  rowsOf,
  tampered,
} from '../../test/participant-kit.ts';
import { virtualClock } from '../../test/virtual-clock.ts';
import type { Carrier } from './carrier.ts';
import { shippingService } from './service.ts';
import { openSimulatedCarrier, type SimulatedCarrier } from './simulated-carrier.ts';

const ship = nthCommand(1);
const cancel = nthCommand(2);
const person = { reference: 'ref', note: 'told on the phone' };

const shipOrder = (country = 'France') => delivered({ type: 'ShipOrder', id: ship, data: { country } });
const cancelShipment = delivered({ type: 'CancelShipment', id: cancel, data: {} });

let room: ReturnType<typeof openRoom>;
let carrier: SimulatedCarrier;
let warnings: ReturnType<typeof keepingLogger>;
beforeEach(() => {
  room = openRoom();
  carrier = openSimulatedCarrier({ path: join(room.folder, 'carrier.db'), clock: systemClock });
  warnings = keepingLogger();
});
afterEach(async () => {
  carrier.close();
  await room.dispose();
});

const service = (overrides: { log?: EventLog; carrier?: Carrier; clock?: typeof systemClock } = {}) =>
  shippingService({ log: room.log, carrier, clock: systemClock, logger: warnings.logger, ...overrides });
const types = () => room.types('shipping');
const books = (table: 'shipments' | 'cancellations') => rowsOf(join(room.folder, 'carrier.db'), table);

/** A carrier whose answers to `call` are held back at a gate, after it has written its books. */
const heldBack = (call: 'ship' | 'cancel') => {
  const held = gate();
  const slow: Carrier = {
    ship: async (request) => {
      const answer = await carrier.ship(request);
      if (call === 'ship') await held.pass();
      return answer;
    },
    cancel: async (request) => {
      const answer = await carrier.cancel(request);
      if (call === 'cancel') await held.pass();
      return answer;
    },
  };
  return { held, slow };
};

describe('a shipment', () => {
  it('leaves between its intent and its outcome, both caused by the command, without a word in the log', async () => {
    await service().group.handle(shipOrder());
    expect(await room.events('shipping')).toEqual([
      { type: 'ShipmentStarted', data: { commandId: ship, country: 'France' }, causation: ship },
      {
        type: 'OrderShipped',
        data: { commandId: ship, shipmentId: books('shipments')[0]?.shipmentId },
        causation: ship,
      },
    ]);
    expect(books('shipments')).toMatchObject([{ key: ship, orderId, accepted: 1, calls: 1 }]);
    expect(warnings.lines).toEqual([]);
  });

  it('to a country that is not served is a fact like any other', async () => {
    await service().group.handle(shipOrder('Atlantis'));
    expect((await room.events('shipping')).at(-1)).toMatchObject({
      type: 'ShippingFailed',
      data: { commandId: ship, reason: 'country-not-served' },
    });
  });

  it('leaves once however often it is asked for', async () => {
    const participant = service();
    for (let asks = 0; asks < 3; asks += 1) await participant.group.handle(shipOrder('ZZ-answer-lost'));
    await service().group.handle(shipOrder('ZZ-answer-lost'));
    expect(await types()).toEqual(['ShipmentStarted', 'OrderShipped']);
    expect(books('shipments')).toMatchObject([{ calls: 2 }]);
    expect(warnings.lines).toMatchObject([{ orderId, commandId: ship, level: 40 }]);
  });

  it('is not asked of the carrier on what is remembered from before the partitions were assigned anew', async () => {
    const [one, other] = [service().group, service().group];
    await one.handle(shipOrder('ZZ-answer-lost'));
    await other.handle(cancelShipment);
    await one.onAssigned?.([0]);
    await one.handle(shipOrder('ZZ-answer-lost'));
    expect(books('shipments')).toMatchObject([{ calls: 2 }]);
    expect((await types()).at(-1)).toBe('ShipmentCancelled');
  });

  it('that comes after its tombstone is refused without a call', async () => {
    const participant = service();
    await participant.group.handle(cancelShipment);
    await participant.group.handle(shipOrder());
    expect(await room.events('shipping')).toEqual([
      { type: 'ShipmentCancelled', data: { commandId: cancel, nothing: true }, causation: cancel },
    ]);
    expect(books('shipments')).toEqual([]);
  });

  it('of an order with a message that is no command of it is a bug', async () => {
    const stranger = delivered({ type: 'CompleteOrder', id: ship, data: {} });
    await expect(service().group.handle(stranger)).rejects.toThrow('does not carry CompleteOrder');
  });
});

describe('a cancellation', () => {
  it('after the pivot is refused without a call', async () => {
    const participant = service();
    await participant.group.handle(shipOrder());
    await participant.group.handle(cancelShipment);
    await participant.group.handle(cancelShipment);
    expect(await types()).toEqual(['ShipmentStarted', 'OrderShipped', 'ShipmentCancellationRefused']);
    expect((await room.events('shipping')).at(-1)?.data).toEqual({
      commandId: cancel,
      reason: 'already-shipped',
    });
    expect(books('shipments')).toMatchObject([{ calls: 1 }]);
    expect(books('cancellations')).toEqual([]);
  });

  it('of a shipment without an outcome learns it and holds the parcel back', async () => {
    await service().group.handle(shipOrder('ZZ-answer-lost'));
    await service().group.handle(cancelShipment);
    expect(await types()).toEqual(['ShipmentStarted', 'ShipmentCancellationStarted', 'ShipmentCancelled']);
    expect((await room.events('shipping')).at(-1)?.data).toEqual({ commandId: cancel, nothing: false });
    expect(books('shipments')).toMatchObject([{ key: ship, calls: 2 }]);
    expect(books('cancellations')).toMatchObject([{ key: cancel, shipKey: ship, cancelled: 1 }]);
  });

  it('of a parcel that is gone passes the pivot and is refused, in one append', async () => {
    await service().group.handle(shipOrder('ZZ-gone'));
    const counting = counted(room.log);
    await service({ log: counting.log }).group.handle(cancelShipment);
    expect(await types()).toEqual([
      'ShipmentStarted',
      'ShipmentCancellationStarted',
      'OrderShipped',
      'ShipmentCancellationRefused',
    ]);
    expect(counting.appends()).toBe(2);
    const [, , shipped, refused] = await room.events('shipping');
    expect(shipped).toMatchObject({ data: { commandId: ship }, causation: cancel });
    expect(refused?.data).toEqual({ commandId: cancel, reason: 'parcel-gone' });
  });

  it('of a shipment that turns out to have been refused cancels nothing', async () => {
    const deaf: Carrier = { ...carrier, ship: async () => Promise.reject(new Error('no route')) };
    await service({ carrier: deaf }).group.handle(shipOrder('Atlantis'));
    await service().group.handle(cancelShipment);
    expect((await room.events('shipping')).at(-1)).toMatchObject({
      type: 'ShipmentCancelled',
      data: { commandId: cancel, nothing: true },
    });
    expect(books('cancellations')).toEqual([]);
  });

  it('gives no answer while the carrier is down, and ends when it is asked again', async () => {
    const participant = service();
    await participant.group.handle(shipOrder('ZZ-down-2'));
    await participant.group.handle(cancelShipment);
    expect(await types()).toEqual(['ShipmentStarted', 'ShipmentCancellationStarted']);
    await participant.group.handle(cancelShipment);
    expect((await types()).at(-1)).toBe('ShipmentCancelled');
    expect(books('shipments')).toHaveLength(1);
    expect(books('cancellations')).toHaveLength(1);
  });

  it('gives each of its two calls the bounded time', async () => {
    await service().group.handle(shipOrder('ZZ-answer-lost'));
    const clock = virtualClock();
    const shipHeld = gate();
    const cancelHeld = gate();
    const slow: Carrier = {
      ship: async (request) => {
        await shipHeld.pass();
        return carrier.ship(request);
      },
      cancel: async (request) => {
        await cancelHeld.pass();
        return carrier.cancel(request);
      },
    };
    const handled = service({ carrier: slow, clock }).group.handle(cancelShipment);
    await shipHeld.reached;
    await clock.advance(4_999);
    shipHeld.open();
    await cancelHeld.reached;
    await clock.advance(4_999);
    cancelHeld.open();
    await handled;
    expect((await types()).at(-1)).toBe('ShipmentCancelled');
    expect(clock.pending()).toBe(0);
  });

  it('that starts while the shipment is out ends it; the answer, when it comes, passes no pivot', async () => {
    const { held, slow } = heldBack('ship');
    const first = service({ carrier: slow }).group.handle(shipOrder());
    await held.reached;
    await service().group.handle(cancelShipment);
    held.open();
    await first;
    expect(await types()).toEqual(['ShipmentStarted', 'ShipmentCancellationStarted', 'ShipmentCancelled']);
    expect(books('shipments')).toMatchObject([{ calls: 2 }]);
    expect(books('cancellations')).toHaveLength(1);
  });

  it('that has started drops the answer to the shipment, which it learns itself', async () => {
    const shipping = heldBack('ship');
    const cancelling = heldBack('cancel');
    const first = service({ carrier: shipping.slow }).group.handle(shipOrder());
    await shipping.held.reached;
    const second = service({ carrier: cancelling.slow }).group.handle(cancelShipment);
    await cancelling.held.reached;
    shipping.held.open();
    await first;
    const meanwhile = await types();
    cancelling.held.open();
    await second;
    expect(meanwhile).toEqual(['ShipmentStarted', 'ShipmentCancellationStarted']);
    expect((await types()).at(-1)).toBe('ShipmentCancelled');
  });

  it('whose intent loses the race to OrderShipped is refused without a call', async () => {
    await service().group.handle(shipOrder('ZZ-answer-lost'));
    const overtaken = tampered(room.log, {
      before: async (n) => {
        if (n === 1) await service().group.handle(shipOrder('ZZ-answer-lost'));
      },
    });
    await service({ log: overtaken }).group.handle(cancelShipment);
    expect(await types()).toEqual(['ShipmentStarted', 'OrderShipped', 'ShipmentCancellationRefused']);
    expect(books('cancellations')).toEqual([]);
  });
});

describe('a crash', () => {
  const survives = async (message: CommandMessage, n: number, when: 'before' | 'after') => {
    const life = { log: room.log, participant: (log: EventLog) => service({ log }) };
    expect(await crashing(life, [message], n, when)).toBe(true);
  };

  for (const when of ['before', 'after'] as const)
    for (const n of [1, 2]) {
      it(`${when} append ${n} of a shipment is healed: one shipment`, async () => {
        await survives(shipOrder(), n, when);
        expect(await types()).toEqual(['ShipmentStarted', 'OrderShipped']);
        expect(books('shipments')).toHaveLength(1);
      });

      it(`${when} append ${n} of a cancellation is healed: one shipment, one cancellation`, async () => {
        await service().group.handle(shipOrder('ZZ-answer-lost'));
        await survives(cancelShipment, n, when);
        expect(await types()).toEqual([
          'ShipmentStarted',
          'ShipmentCancellationStarted',
          'ShipmentCancelled',
        ]);
        expect(books('shipments')).toHaveLength(1);
        expect(books('cancellations')).toHaveLength(1);
      });

      it(`${when} append ${n} of a cancellation that comes too late is healed: one pivot`, async () => {
        await service().group.handle(shipOrder('ZZ-gone'));
        await survives(cancelShipment, n, when);
        expect(await types()).toEqual([
          'ShipmentStarted',
          'ShipmentCancellationStarted',
          'OrderShipped',
          'ShipmentCancellationRefused',
        ]);
        expect(books('cancellations')).toMatchObject([{ cancelled: 0 }]);
      });
    }
});

describe('a person', () => {
  it('settles an open shipment; the answer that comes afterwards is recorded once, as late', async () => {
    const { held, slow } = heldBack('ship');
    const waiting = [service({ carrier: slow }), service({ carrier: slow })].map((participant) =>
      participant.group.handle(shipOrder()),
    );
    await held.reached;
    const resolution = { commandId: ship, outcome: 'ShippingFailed', ...person } as const;
    expect(await service().resolve(orderId, resolution)).toBe('recorded');
    held.open();
    await Promise.all(waiting);
    expect(await types()).toEqual(['ShipmentStarted', 'ShippingFailed', 'late OrderShipped']);
  });

  it('settles a cancellation that is out; what the carrier says afterwards is recorded once, as late', async () => {
    await service().group.handle(shipOrder('ZZ-gone'));
    const { held, slow } = heldBack('cancel');
    const waiting = service({ carrier: slow }).group.handle(cancelShipment);
    await held.reached;
    const resolution = { commandId: cancel, outcome: 'ShipmentCancelled', ...person } as const;
    expect(await service().resolve(orderId, resolution)).toBe('recorded');
    held.open();
    await waiting;
    await service().group.handle(cancelShipment);
    expect((await types()).slice(2)).toEqual([
      'ShipmentCancelled',
      'late OrderShipped',
      'late ShipmentCancellationRefused',
    ]);
  });

  it('says that the parcel is gone, with the pivot first, in one append', async () => {
    await service().group.handle(shipOrder('ZZ-down'));
    await service().group.handle(cancelShipment);
    const counting = counted(room.log);
    const resolution = { commandId: cancel, outcome: 'ShipmentCancellationRefused', ...person } as const;
    expect(await service({ log: counting.log }).resolve(orderId, resolution)).toBe('recorded');
    expect(counting.appends()).toBe(1);
    expect((await types()).slice(2)).toEqual(['OrderShipped', 'ShipmentCancellationRefused']);
  });

  it('who was slower than the carrier has nothing to resolve, whatever this process remembered', async () => {
    const remembering = service();
    await remembering.group.handle(shipOrder('ZZ-answer-lost'));
    await service().group.handle(shipOrder('ZZ-answer-lost'));
    const resolution = { commandId: ship, outcome: 'ShippingFailed', ...person } as const;
    expect(await remembering.resolve(orderId, resolution)).toBe('not-resolvable');
    expect(await types()).toEqual(['ShipmentStarted', 'OrderShipped']);
  });
});
