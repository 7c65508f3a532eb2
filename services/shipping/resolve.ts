import type { CommandId } from '@recourse/contracts/ids';
import { assertNever } from '@recourse/infra/assert-never';
import type { ResolveShipping, Shipment, ShippingEvent } from './model.ts';

/**
 * The outcome of the open step first, if there is one, then the answer, all to be appended together. None where the
 * resolution does not fit what the log holds: another command, a step that has its outcome, or a contradiction.
 */
export const resolveShipping = (resolution: ResolveShipping, state: Shipment): readonly ShippingEvent[] => {
  switch (resolution.outcome) {
    case 'OrderShipped':
    case 'ShippingFailed':
      return resolveShip(resolution, resolution.outcome, state);
    case 'ShipmentCancelled':
      return resolveCancelled(resolution, state);
    case 'ShipmentCancellationRefused':
      return resolveRefused(resolution, state);
    default:
      return assertNever(resolution.outcome);
  }
};

const resolveShip = (
  resolution: ResolveShipping,
  outcome: 'OrderShipped' | 'ShippingFailed',
  state: Shipment,
): readonly ShippingEvent[] => {
  const { commandId, openOutcome } = resolution;
  if (openOutcome !== undefined && openOutcome !== outcome) return [];
  // On `none` the command never reached the participant: if it does later, it finds its answer.
  const open =
    state.status === 'none' || (state.status === 'started' && state.intent.commandId === commandId);
  if (!open) return [];
  return outcome === 'OrderShipped'
    ? [shipped(resolution, commandId)]
    : [{ type: 'ShippingFailed', data: { commandId, reason: 'settled-by-person', ...signed(resolution) } }];
};

/** A shipment that was cancelled is never recorded as shipped: OrderShipped is the pivot. */
const resolveCancelled = (resolution: ResolveShipping, state: Shipment): readonly ShippingEvent[] => {
  const { openOutcome } = resolution;
  switch (state.status) {
    case 'none':
    case 'failed':
      return openOutcome === 'OrderShipped' ? [] : [cancelled(resolution, true)];
    case 'started':
      return [cancelled(resolution, openOutcome === 'ShippingFailed')];
    case 'cancelling':
      if (state.commandId !== resolution.commandId) return [];
      return [cancelled(resolution, openOutcome === 'ShippingFailed')];
    case 'shipped':
    case 'cancelled':
      return [];
    default:
      return assertNever(state);
  }
};

const resolveRefused = (resolution: ResolveShipping, state: Shipment): readonly ShippingEvent[] => {
  const { commandId, openOutcome } = resolution;
  if (openOutcome === 'ShippingFailed') return [];
  switch (state.status) {
    case 'started':
      return [shipped(resolution, state.intent.commandId), refused(resolution)];
    case 'cancelling':
      if (state.commandId !== commandId) return [];
      return [shipped(resolution, state.intent.commandId), refused(resolution)];
    case 'shipped':
      return state.refusedBy === undefined ? [refused(resolution)] : [];
    case 'none': // Nothing is on its way that could be gone.
    case 'failed':
    case 'cancelled':
      return [];
    default:
      return assertNever(state);
  }
};

const signed = ({ reference, note }: ResolveShipping) => ({ by: 'person', reference, note }) as const;

const shipped = (resolution: ResolveShipping, commandId: CommandId): ShippingEvent => ({
  type: 'OrderShipped',
  data: { commandId, shipmentId: resolution.reference, ...signed(resolution) },
});

const cancelled = (resolution: ResolveShipping, nothing: boolean): ShippingEvent => ({
  type: 'ShipmentCancelled',
  data: { commandId: resolution.commandId, nothing, ...signed(resolution) },
});

const refused = (resolution: ResolveShipping): ShippingEvent => ({
  type: 'ShipmentCancellationRefused',
  data: { commandId: resolution.commandId, reason: 'settled-by-person', ...signed(resolution) },
});
