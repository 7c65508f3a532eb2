import type { Command } from '@recourse/contracts/commands';
import type { DomainEvent } from '@recourse/contracts/events';
import type { CommandId } from '@recourse/contracts/ids';
import type { CancelAnswer, ShipAnswer } from './carrier.ts';

/** Who said what became of a step; `late`: a person did, and the carrier's own answer was recorded after that. */
export type SettledBy = 'carrier' | 'person' | 'late';

/** A shipment that was asked for. */
export type Intent = { readonly commandId: CommandId; readonly country: string };

/** The shipment of one order, up to and past the pivot, which is `shipped`. */
export type Shipment =
  | { readonly status: 'none' }
  | { readonly status: 'started'; readonly intent: Intent }
  | { readonly status: 'failed'; readonly shipBy: SettledBy }
  | {
      readonly status: 'cancelling';
      readonly intent: Intent;
      /** Of CancelShipment. */
      readonly commandId: CommandId;
    }
  | {
      readonly status: 'shipped';
      readonly shipBy: SettledBy;
      /** Who refused to cancel it, if that was asked. */
      readonly refusedBy: SettledBy | undefined;
    }
  | {
      readonly status: 'cancelled';
      readonly shipBy: SettledBy;
      readonly cancelledBy: SettledBy;
    };

/** What a cancellation learned at the carrier: first of the shipment, then, if there was one, of its cancellation. */
export type CancellationLearned =
  | { readonly shipped: false }
  | { readonly shipped: true; readonly shipmentId: string; readonly answer: CancelAnswer };

/** What a person found out about a shipment or a cancellation whose outcome no call could tell. */
export type ShippingResolution = {
  /** The command that is outstanding. */
  readonly commandId: CommandId;
  /** The first two answer ShipOrder, the others CancelShipment. */
  readonly outcome: 'OrderShipped' | 'ShippingFailed' | 'ShipmentCancelled' | 'ShipmentCancellationRefused';
  /** The carrier's own name for the shipment or the cancellation; where both are settled at once, for both. */
  readonly reference: string;
  readonly note: string;
  /** For a cancellation whose shipment is still open: what became of the shipment. */
  readonly openOutcome?: 'OrderShipped' | 'ShippingFailed' | undefined;
};

/** A resolution as a command to the shipping decider. */
export type ResolveShipping = { readonly type: 'ResolveShipping' } & ShippingResolution;

/** What the shipping decider obeys: the saga, the outcomes of calls, and a person. */
export type ShippingCommand =
  | Command<'ShipOrder' | 'CancelShipment'>
  | { readonly type: 'ShipAnswered'; readonly commandId: CommandId; readonly answer: ShipAnswer }
  | {
      readonly type: 'CancelAnswered';
      readonly commandId: CommandId;
      readonly intent: Intent;
      readonly learned: CancellationLearned;
    }
  | ResolveShipping;

/** What stands in `shipping-<id>`. */
export type ShippingEvent = DomainEvent<
  | 'ShipmentStarted'
  | 'OrderShipped'
  | 'ShippingFailed'
  | 'ShipmentCancellationStarted'
  | 'ShipmentCancelled'
  | 'ShipmentCancellationRefused'
>;

/** A call outside that is open: asked for by an intent, its outcome not yet in the log. */
export type ShippingAct =
  | { readonly call: 'ship'; readonly intent: Intent }
  | { readonly call: 'cancel'; readonly intent: Intent; readonly commandId: CommandId };
