import type { Command } from '@recourse/contracts/commands';
import { assertNever } from '@recourse/infra/assert-never';
import type { Decider } from '@recourse/infra/decider';
import type { Shipment, ShippingAct, ShippingCommand, ShippingEvent } from './model.ts';
import { resolveShipping } from './resolve.ts';

/** See `Shipment`. This decider alone decides the pivot: whether OrderShipped or a cancellation came first. */
export const shipping: Decider<Shipment, ShippingCommand, ShippingEvent> = {
  initial: { status: 'none' },

  decide: (command, state) => {
    switch (command.type) {
      case 'ShipOrder':
        // Only where nothing stands. After a tombstone it comes too late: its saga gave this step up, asked for the
        // undo and has been answered, so it would never hear of the shipment.
        return state.status === 'none'
          ? [{ type: 'ShipmentStarted', data: { commandId: command.id, ...command.data } }]
          : [];
      case 'CancelShipment':
        return cancel(command, state);
      case 'ShipAnswered':
        return shipAnswered(command, state);
      case 'CancelAnswered':
        return cancelAnswered(command, state);
      case 'ResolveShipping':
        return resolveShipping(command, state);
      default:
        return assertNever(command);
    }
  },

  evolve: (state, event) => {
    switch (event.type) {
      case 'ShipmentStarted':
        return { status: 'started', intent: event.data };
      case 'OrderShipped':
        if (event.data.late) return shipHeardLate(state);
        return { status: 'shipped', shipBy: event.data.by ?? 'carrier', refusedBy: undefined };
      case 'ShippingFailed':
        if (event.data.late) return shipHeardLate(state);
        return { status: 'failed', shipBy: event.data.by ?? 'carrier' };
      case 'ShipmentCancellationStarted':
        return state.status === 'started'
          ? { status: 'cancelling', intent: state.intent, commandId: event.data.commandId }
          : state;
      case 'ShipmentCancelled': {
        const { by, late } = event.data;
        if (late) return cancelHeardLate(state);
        const cancelledBy = by ?? 'carrier';
        // Where the shipment was open, whoever settled its cancellation settled it too.
        const shipBy = 'shipBy' in state ? state.shipBy : cancelledBy;
        return { status: 'cancelled', shipBy, cancelledBy };
      }
      case 'ShipmentCancellationRefused':
        if (event.data.late) return cancelHeardLate(state);
        return state.status === 'shipped' ? { ...state, refusedBy: event.data.by ?? 'carrier' } : state;
      default:
        return assertNever(event);
    }
  },
};

const shipHeardLate = (state: Shipment): Shipment =>
  'shipBy' in state ? { ...state, shipBy: 'late' } : state;

const cancelHeardLate = (state: Shipment): Shipment => {
  if (state.status === 'shipped') return { ...state, refusedBy: 'late' };
  return state.status === 'cancelled' ? { ...state, cancelledBy: 'late' } : state;
};

/**
 * Which call is open for a command, if any. Once a cancellation has started only CancelShipment calls: it learns what
 * became of the shipment itself.
 */
export const pendingShippingAct = (
  state: Shipment,
  asked: Command<'ShipOrder' | 'CancelShipment'>,
): ShippingAct | undefined => {
  if (state.status === 'started' && asked.type === 'ShipOrder') return { call: 'ship', intent: state.intent };
  if (state.status === 'cancelling' && asked.type === 'CancelShipment')
    return { call: 'cancel', intent: state.intent, commandId: state.commandId };
  return undefined;
};

const cancel = (command: Command<'CancelShipment'>, state: Shipment): readonly ShippingEvent[] => {
  const commandId = command.id;
  switch (state.status) {
    case 'none':
    case 'failed':
      return [{ type: 'ShipmentCancelled', data: { commandId, nothing: true } }];
    case 'started':
      return [{ type: 'ShipmentCancellationStarted', data: { commandId } }];
    case 'shipped': // The pivot is passed: no call, no cancellation.
      return state.refusedBy === undefined
        ? [{ type: 'ShipmentCancellationRefused', data: { commandId, reason: 'already-shipped' } }]
        : [];
    case 'cancelling':
    case 'cancelled':
      return [];
    default:
      return assertNever(state);
  }
};

const shipAnswered = (
  { commandId, answer }: Extract<ShippingCommand, { type: 'ShipAnswered' }>,
  state: Shipment,
): readonly ShippingEvent[] => {
  if (state.status === 'none') throw new Error('a shipment was answered that no intent had asked for');
  // Dropped: the cancellation repeats the call, and records what it learns together with its own end. An OrderShipped
  // here would pass the pivot behind its back.
  if (state.status === 'cancelling') return [];
  if (state.status !== 'started' && state.shipBy !== 'person') return [];
  const late = state.status === 'started' ? {} : ({ late: true } as const);
  return answer.accepted
    ? [{ type: 'OrderShipped', data: { commandId, shipmentId: answer.shipmentId, ...late } }]
    : [{ type: 'ShippingFailed', data: { commandId, reason: answer.reason, ...late } }];
};

const cancelAnswered = (
  { commandId, intent, learned }: Extract<ShippingCommand, { type: 'CancelAnswered' }>,
  state: Shipment,
): readonly ShippingEvent[] => {
  if (state.status === 'none' || state.status === 'started' || state.status === 'failed')
    throw new Error('a cancellation was answered that no intent had asked for');
  const settledBy =
    state.status === 'cancelling'
      ? undefined
      : state.status === 'shipped'
        ? state.refusedBy
        : state.cancelledBy;
  if (state.status !== 'cancelling' && settledBy !== 'person') return [];
  const late = state.status === 'cancelling' ? {} : ({ late: true } as const);
  if (!learned.shipped) return [{ type: 'ShipmentCancelled', data: { commandId, nothing: true, ...late } }];
  const { shipmentId, answer } = learned;
  if (answer.cancelled) return [{ type: 'ShipmentCancelled', data: { commandId, nothing: false, ...late } }];
  const { reason } = answer;
  const refused: ShippingEvent = {
    type: 'ShipmentCancellationRefused',
    data: { commandId, reason, ...late },
  };
  // A person has said what became of the shipment, and the carrier has been heard since: that stands already.
  if (state.status !== 'cancelling' && state.shipBy !== 'person') return [refused];
  const shipped: ShippingEvent = {
    type: 'OrderShipped',
    data: { commandId: intent.commandId, shipmentId, ...late },
  };
  return [shipped, refused];
};
