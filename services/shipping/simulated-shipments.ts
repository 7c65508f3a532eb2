import { enter, find, type Rule, reach } from '@recourse/infra/books-rules';
import type { Clock } from '@recourse/infra/ports/clock';
import type { CancelAnswer, CancelRequest, ShipAnswer, ShipRequest } from './carrier.ts';
import type { CancellationEntry, ShipmentEntry } from './carrier-books.ts';
import type { CarrierBehaviour } from './test-countries.ts';

/**
 * The rules of shipments and cancellations. Each throws where the call did not reach the carrier, its answer is lost,
 * or it fits nothing that the books know.
 */
export const shipmentRules = (behaviourOf: (country: string) => CarrierBehaviour, clock: Clock) => ({
  *ship({ key, orderId, country }: ShipRequest): Rule<ShipAnswer> {
    const { refuses, down, losesFirstAnswer } = behaviourOf(country);
    yield* reach(key, down, 'the carrier cannot be reached');
    const accepted = refuses === undefined ? 1 : 0;
    const shipmentId = accepted === 1 ? `sh_${key}` : null;
    const reason = refuses ?? null;
    const row = { key, orderId, shipmentId, country, accepted, reason, at: clock.now() };
    const known = yield* enter<ShipmentEntry>('shipments', row);
    if (known === 'entered') {
      if (losesFirstAnswer === true) throw new Error('the connection broke');
      return answerOf({ accepted, shipmentId, reason });
    }
    if (known?.country !== country) throw new Error(`idempotency key ${key} was used for another shipment`);
    return answerOf(known);
  },

  *cancel({ key, shipKey, shipmentId }: CancelRequest): Rule<CancelAnswer> {
    const shipment = yield* find<ShipmentEntry>('shipments', 'key', shipKey);
    if (shipment?.shipmentId !== shipmentId) throw new Error(`there is no shipment ${shipmentId}`);
    const reason = behaviourOf(shipment.country).gone === true ? 'parcel-gone' : null;
    const cancelled = reason === null ? 1 : 0;
    const row = { key, shipKey, shipmentId, cancelled, reason, at: clock.now() };
    const known = yield* enter<CancellationEntry>('cancellations', row);
    const stands = known === 'entered' || known === undefined ? row : known;
    return stands.cancelled === 1
      ? { cancelled: true }
      : { cancelled: false, reason: stands.reason ?? 'parcel-gone' };
  },
});

const answerOf = ({
  accepted,
  shipmentId,
  reason,
}: Pick<ShipmentEntry, 'accepted' | 'shipmentId' | 'reason'>): ShipAnswer =>
  accepted === 1 && shipmentId !== null
    ? { accepted: true, shipmentId }
    : { accepted: false, reason: reason ?? 'refused' };
