import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { before, type Question, resolved, type Sight, signedOf } from './asked.ts';

/** What the shipping decider was asked. */
export const askedOfShipping = (sight: Sight): Question => {
  const record = sight.stream[sight.at]!;
  const { commandId, by } = signedOf(record);
  if (by === 'person') return resolved('ResolveShipping', sight);
  switch (record.type) {
    case 'OrderShipped': {
      const { shipmentId } = record.data;
      if (record.causation === commandId)
        return { type: 'ShipAnswered', commandId, answer: { accepted: true, shipmentId } };
      // A cancellation learned of the shipment: what became of both stands in one append.
      const refused = sight.stream[sight.at + 1] as RecordedEvent<'ShipmentCancellationRefused'> | undefined;
      const answer = { cancelled: false, reason: refused?.data.reason };
      return cancelAnswered(sight, { shipped: true, shipmentId, answer });
    }
    case 'ShippingFailed':
      return { type: 'ShipAnswered', commandId, answer: { accepted: false, reason: record.data.reason } };
    case 'ShipmentCancelled':
      if (isAnsweredAtOnce(sight)) return { issued: commandId };
      return cancelAnswered(
        sight,
        record.data.nothing
          ? { shipped: false }
          : { shipped: true, shipmentId: notRecorded, answer: { cancelled: true } },
      );
    case 'ShipmentCancellationRefused': {
      if (isAnsweredAtOnce(sight)) return { issued: commandId };
      const answer = { cancelled: false, reason: record.data.reason };
      return cancelAnswered(sight, { shipped: true, shipmentId: notRecorded, answer });
    }
    default:
      return { issued: commandId };
  }
};

/** A shipment that was held back has left no name in the log. */
const notRecorded = 'not-recorded';

/** No cancellation was begun, so nobody was called. */
const isAnsweredAtOnce = ({ stream, at }: Sight) =>
  !stream.slice(0, at).some(({ type }) => type === 'ShipmentCancellationStarted');

const cancelAnswered = (sight: Sight, learned: object): Question => {
  const { commandId, country } = before(sight, 'ShipmentStarted').data;
  const asked = before(sight, 'ShipmentCancellationStarted').data.commandId;
  return { type: 'CancelAnswered', commandId: asked, intent: { commandId, country }, learned };
};
