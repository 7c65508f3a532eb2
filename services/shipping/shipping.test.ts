import { describe, expect, it } from '@jest/globals';
import type { CommandId } from '@recourse/contracts/ids';
import type { Shipment, ShippingCommand, ShippingEvent, ShippingResolution } from './model.ts';
import { pendingShippingAct, shipping } from './shipping.ts';

const ship = '00000000-0000-4000-8000-00000000000a' as CommandId;
const cancel = '00000000-0000-4000-8000-00000000000b' as CommandId;
const byPerson = { by: 'person', reference: 'ref', note: 'told on the phone' } as const;

const started: ShippingEvent = { type: 'ShipmentStarted', data: { commandId: ship, country: 'France' } };
const shipped: ShippingEvent = { type: 'OrderShipped', data: { commandId: ship, shipmentId: 'sh' } };
const failed: ShippingEvent = {
  type: 'ShippingFailed',
  data: { commandId: ship, reason: 'country-not-served' },
};
const cancelling: ShippingEvent = { type: 'ShipmentCancellationStarted', data: { commandId: cancel } };
const cancelled = (nothing: boolean): ShippingEvent => ({
  type: 'ShipmentCancelled',
  data: { commandId: cancel, nothing },
});
const refused = (reason: string): ShippingEvent => ({
  type: 'ShipmentCancellationRefused',
  data: { commandId: cancel, reason },
});
const settled = (event: ShippingEvent): ShippingEvent =>
  ({ ...event, data: { ...event.data, ...byPerson } }) as ShippingEvent;
const heardLate = (event: ShippingEvent): ShippingEvent =>
  ({ ...event, data: { ...event.data, late: true } }) as ShippingEvent;

const histories = {
  'no shipment': [],
  'a shipment started': [started],
  'an order shipped': [started, shipped],
  'a shipment failed': [started, failed],
  'a cancellation started': [started, cancelling],
  'a shipment cancelled': [started, cancelling, cancelled(false)],
  'a cancellation refused': [started, cancelling, shipped, refused('parcel-gone')],
  'a cancellation refused after the pivot': [started, shipped, refused('already-shipped')],
  'a tombstone': [cancelled(true)],
  'a failed shipment cancelled': [started, failed, cancelled(true)],
  'an order that a person called shipped': [started, settled(shipped)],
  'a shipment that a person called failed, the carrier heard since': [
    started,
    settled(failed),
    heardLate(shipped),
  ],
  'a shipment that a person called failed, cancelled': [started, settled(failed), cancelled(true)],
  'a cancellation that a person settled, the shipment heard of since': [
    started,
    cancelling,
    settled(cancelled(false)),
    heardLate(shipped),
  ],
  'a cancellation that a person settled': [started, cancelling, settled(cancelled(false))],
  'a cancellation that a person called refused': [
    started,
    cancelling,
    settled(shipped),
    settled(refused('settled-by-person')),
  ],
  'a cancellation that a person settled, the carrier heard since': [
    started,
    cancelling,
    settled(cancelled(false)),
    heardLate(shipped),
    heardLate(refused('parcel-gone')),
  ],
} satisfies Record<string, ShippingEvent[]>;

const intent = { commandId: ship, country: 'France' };

const commands = {
  ShipOrder: { type: 'ShipOrder', id: ship, data: { country: 'France' } },
  CancelShipment: { type: 'CancelShipment', id: cancel, data: {} },
  'the carrier ships': {
    type: 'ShipAnswered',
    commandId: ship,
    answer: { accepted: true, shipmentId: 'sh' },
  },
  'the carrier refuses to ship': {
    type: 'ShipAnswered',
    commandId: ship,
    answer: { accepted: false, reason: 'country-not-served' },
  },
  'the carrier cancels': {
    type: 'CancelAnswered',
    commandId: cancel,
    intent,
    learned: { shipped: true, shipmentId: 'sh', answer: { cancelled: true } },
  },
  'the carrier says the parcel is gone': {
    type: 'CancelAnswered',
    commandId: cancel,
    intent,
    learned: { shipped: true, shipmentId: 'sh', answer: { cancelled: false, reason: 'parcel-gone' } },
  },
  'the cancellation learns that nothing was shipped': {
    type: 'CancelAnswered',
    commandId: cancel,
    intent,
    learned: { shipped: false },
  },
} satisfies Record<string, ShippingCommand>;

type Expected = ShippingEvent[] | 'throws';
type Row = Record<keyof typeof commands, Expected>;

const row = (
  shipOrder: ShippingEvent[],
  cancelShipment: ShippingEvent[],
  [ships, refusesToShip]: [Expected, Expected],
  [cancels, gone, nothingShipped]: [Expected, Expected, Expected],
): Row => ({
  ShipOrder: shipOrder,
  CancelShipment: cancelShipment,
  'the carrier ships': ships,
  'the carrier refuses to ship': refusesToShip,
  'the carrier cancels': cancels,
  'the carrier says the parcel is gone': gone,
  'the cancellation learns that nothing was shipped': nothingShipped,
});

const noShip: [Expected, Expected] = [[], []];
const noCancel: [Expected, Expected, Expected] = [[], [], []];
const bugShip: [Expected, Expected] = ['throws', 'throws'];
const bugCancel: [Expected, Expected, Expected] = ['throws', 'throws', 'throws'];

const table: Record<keyof typeof histories, Row> = {
  'no shipment': row([started], [cancelled(true)], bugShip, bugCancel),
  'a shipment started': row([], [cancelling], [[shipped], [failed]], bugCancel),
  'an order shipped': row([], [refused('already-shipped')], noShip, noCancel),
  'a shipment failed': row([], [cancelled(true)], noShip, bugCancel),
  'a cancellation started': row([], [], noShip, [
    [cancelled(false)],
    [shipped, refused('parcel-gone')],
    [cancelled(true)],
  ]),
  'a shipment cancelled': row([], [], noShip, noCancel),
  'a cancellation refused': row([], [], noShip, noCancel),
  'a cancellation refused after the pivot': row([], [], noShip, noCancel),
  'a tombstone': row([], [], noShip, noCancel),
  'a failed shipment cancelled': row([], [], noShip, noCancel),
  'an order that a person called shipped': row(
    [],
    [refused('already-shipped')],
    [[heardLate(shipped)], [heardLate(failed)]],
    noCancel,
  ),
  'a shipment that a person called failed, the carrier heard since': row(
    [],
    [cancelled(true)],
    noShip,
    bugCancel,
  ),
  'a shipment that a person called failed, cancelled': row(
    [],
    [],
    [[heardLate(shipped)], [heardLate(failed)]],
    noCancel,
  ),
  'a cancellation that a person settled, the shipment heard of since': row([], [], noShip, [
    [heardLate(cancelled(false))],
    [heardLate(refused('parcel-gone'))],
    [heardLate(cancelled(true))],
  ]),
  'a cancellation that a person settled': row(
    [],
    [],
    [[heardLate(shipped)], [heardLate(failed)]],
    [
      [heardLate(cancelled(false))],
      [heardLate(shipped), heardLate(refused('parcel-gone'))],
      [heardLate(cancelled(true))],
    ],
  ),
  'a cancellation that a person called refused': row(
    [],
    [],
    [[heardLate(shipped)], [heardLate(failed)]],
    [
      [heardLate(cancelled(false))],
      [heardLate(shipped), heardLate(refused('parcel-gone'))],
      [heardLate(cancelled(true))],
    ],
  ),
  'a cancellation that a person settled, the carrier heard since': row([], [], noShip, noCancel),
};

const fold = (events: readonly ShippingEvent[]): Shipment => events.reduce(shipping.evolve, shipping.initial);

const historyNames = Object.keys(histories) as (keyof typeof histories)[];

describe('the shipping decider', () => {
  for (const history of historyNames)
    for (const [command, expected] of Object.entries(table[history]) as [keyof typeof commands, Expected][]) {
      const decides =
        expected === 'throws' ? 'is a bug' : expected.map(({ type }) => type).join(', ') || 'nothing';
      it(`given ${history}, when ${command}, then ${decides}`, () => {
        const decide = () => shipping.decide(commands[command], fold(histories[history]));
        if (expected === 'throws') expect(decide).toThrow('that no intent had asked for');
        else expect(decide()).toEqual(expected);
      });
    }

  it('keeps to what a person said where the carrier is heard late', () => {
    const { status } = fold(histories['a cancellation that a person settled, the carrier heard since']);
    expect(status).toBe('cancelled');
  });
});

describe('the call that is open for a command', () => {
  const open = (history: keyof typeof histories, command: 'ShipOrder' | 'CancelShipment') =>
    pendingShippingAct(fold(histories[history]), commands[command]);

  it('is the shipment of the intent, for ShipOrder', () => {
    expect(open('a shipment started', 'ShipOrder')).toEqual({ call: 'ship', intent });
  });

  it('is the cancellation once that has started, for CancelShipment only', () => {
    expect(open('a cancellation started', 'CancelShipment')).toEqual({
      call: 'cancel',
      intent,
      commandId: cancel,
    });
    expect(open('a cancellation started', 'ShipOrder')).toBeUndefined();
  });

  it('is none in every other state', () => {
    for (const history of historyNames) {
      if (history !== 'a shipment started')
        expect([history, open(history, 'ShipOrder')]).toEqual([history, undefined]);
      if (history !== 'a cancellation started')
        expect([history, open(history, 'CancelShipment')]).toEqual([history, undefined]);
    }
  });
});

describe('a person resolves', () => {
  const { reference, note } = byPerson;
  const resolve = (
    history: keyof typeof histories,
    commandId: CommandId,
    outcome: ShippingResolution['outcome'],
    openOutcome?: 'OrderShipped' | 'ShippingFailed',
  ) =>
    shipping.decide(
      { type: 'ResolveShipping', commandId, outcome, reference, note, openOutcome },
      fold(histories[history]),
    );
  const personShipped: ShippingEvent = {
    type: 'OrderShipped',
    data: { commandId: ship, shipmentId: 'ref', ...byPerson },
  };
  const personFailed: ShippingEvent = {
    type: 'ShippingFailed',
    data: { commandId: ship, reason: 'settled-by-person', ...byPerson },
  };
  const personRefused = settled(refused('settled-by-person'));
  const personCancelled = (nothing: boolean) => settled(cancelled(nothing));

  it('a shipment that is open, or never started, as shipped or as failed', () => {
    for (const history of ['no shipment', 'a shipment started'] as const) {
      expect(resolve(history, ship, 'OrderShipped')).toEqual([personShipped]);
      expect(resolve(history, ship, 'ShippingFailed')).toEqual([personFailed]);
    }
  });

  it('no shipment of another command, and none that has its outcome or is being cancelled', () => {
    expect(resolve('a shipment started', cancel, 'OrderShipped')).toEqual([]);
    for (const history of historyNames)
      if (history !== 'no shipment' && history !== 'a shipment started')
        expect([history, resolve(history, ship, 'OrderShipped')]).toEqual([history, []]);
  });

  it('an open cancellation as done, with or without a parcel', () => {
    for (const history of ['a shipment started', 'a cancellation started'] as const) {
      expect(resolve(history, cancel, 'ShipmentCancelled')).toEqual([personCancelled(false)]);
      expect(resolve(history, cancel, 'ShipmentCancelled', 'OrderShipped')).toEqual([personCancelled(false)]);
      expect(resolve(history, cancel, 'ShipmentCancelled', 'ShippingFailed')).toEqual([
        personCancelled(true),
      ]);
    }
  });

  it('a cancellation of nothing', () => {
    for (const history of ['no shipment', 'a shipment failed'] as const) {
      expect(resolve(history, cancel, 'ShipmentCancelled')).toEqual([personCancelled(true)]);
      expect(resolve(history, cancel, 'ShipmentCancelled', 'OrderShipped')).toEqual([]);
      expect(resolve(history, cancel, 'ShipmentCancellationRefused')).toEqual([]);
    }
  });

  it('a refused cancellation, with the pivot first, in one decision', () => {
    for (const history of ['a shipment started', 'a cancellation started'] as const) {
      const outcome = 'ShipmentCancellationRefused';
      expect(resolve(history, cancel, outcome)).toEqual([personShipped, personRefused]);
      expect(resolve(history, cancel, outcome, 'OrderShipped')).toEqual([personShipped, personRefused]);
      expect(resolve(history, cancel, outcome, 'ShippingFailed')).toEqual([]);
    }
    expect(resolve('an order shipped', cancel, 'ShipmentCancellationRefused')).toEqual([personRefused]);
  });

  it('nothing after the pivot or after the end, and nothing for another command', () => {
    expect(resolve('an order shipped', cancel, 'ShipmentCancelled')).toEqual([]);
    expect(resolve('a cancellation started', ship, 'ShipmentCancelled')).toEqual([]);
    expect(resolve('a cancellation started', ship, 'ShipmentCancellationRefused')).toEqual([]);
    for (const history of ['a shipment cancelled', 'a tombstone', 'a cancellation refused'] as const) {
      expect(resolve(history, cancel, 'ShipmentCancelled')).toEqual([]);
      expect(resolve(history, cancel, 'ShipmentCancellationRefused')).toEqual([]);
    }
  });
});
