import { describe, expect, it } from '@jest/globals';
import type { SagaState } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { cancelPreview } from './cancel-preview.ts';
import { sagaVersions } from './machines.ts';
import { after, stateOf, ways } from './testing/ways.ts';

const orderId = '0192f0a0-0000-7000-8000-000000000001' as OrderId;

/** What would be undone from each state, in order; a question mark where it may not have happened. */
const undone: Record<number, Record<string, string>> = {
  1: {
    accepted: 'order',
    paying: 'payment? order',
    reserving: 'reservation? payment order',
    shipping: 'shipment? reservation payment order',
    cancellingShipment: 'shipment reservation payment order',
    releasing: 'reservation payment order',
    refunding: 'payment order',
    cancelling: 'order',
  },
  2: {
    accepted: 'order',
    authorizing: 'authorization? order',
    reserving: 'reservation? authorization order',
    'reserving, captured': 'reservation? payment order',
    shipping: 'shipment? reservation authorization order',
    'shipping, captured': 'shipment? reservation payment order',
    cancellingShipment: 'shipment reservation authorization order',
    'cancellingShipment, captured': 'shipment reservation payment order',
    releasing: 'reservation authorization order',
    'releasing, captured': 'reservation payment order',
    voiding: 'authorization order',
    refunding: 'payment order',
    cancelling: 'order',
  },
};

describe.each(sagaVersions)('what cancelling an order of version %i would undo', (version) => {
  it.each(Object.entries(ways[version]))('in %s', (name, way) => {
    const { context } = after(version, ...way);
    const state = stateOf(name) as SagaState;
    const captured = context.captured === true;
    const preview = cancelPreview(orderId, { state, version, captured, shipped: false });
    const expected = undone[version]![name];
    expect(preview.undo.map(({ undoes, certain }) => `${undoes}${certain ? '' : '?'}`).join(' ')).toBe(
      expected ?? '',
    );
    expect(preview.cancellable).toBe(expected !== undefined);
    expect(preview.reason).toBe(
      {
        cancelled: 'The order is cancelled already.',
        completed: 'The order has been shipped: it can only be completed.',
        capturing: 'The order has been shipped: it can only be completed.',
        completing: 'The order has been shipped: it can only be completed.',
      }[state as string] ?? null,
    );
    // The parcel is gone, although the saga has not heard of it.
    expect(cancelPreview(orderId, { state, version, captured, shipped: true }).cancellable).toBe(false);
  });
});

it('an order that has ended says so, also where this build does not have its version any more', () => {
  const ended = { version: 0, captured: false, shipped: false } as const;
  for (const state of ['completed', 'cancelled'] as const)
    expect(cancelPreview(orderId, { ...ended, state })).toMatchObject({ cancellable: false, undo: [] });
});
