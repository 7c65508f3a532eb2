import type { CommandId, OrderId } from '@recourse/contracts/ids';

/** What the carrier says to a shipment: the parcel is on its way, or it never will be under this key. */
export type ShipAnswer =
  | { readonly accepted: true; readonly shipmentId: string }
  | { readonly accepted: false; readonly reason: string };

/** What the carrier says to a cancellation: the parcel was held back, or it is gone. */
export type CancelAnswer =
  | { readonly cancelled: true }
  | { readonly cancelled: false; readonly reason: string };

/** `key` is the idempotency key. When `signal` aborts nobody waits any more. */
export type ShipRequest = {
  readonly key: CommandId;
  readonly orderId: OrderId;
  readonly country: string;
  readonly signal: AbortSignal;
};

/** Takes back the shipment that `shipKey` made; see `ShipRequest`. */
export type CancelRequest = {
  readonly key: CommandId;
  readonly shipKey: CommandId;
  readonly shipmentId: string;
  readonly signal: AbortSignal;
};

/**
 * A carrier. Idempotent by key: however often and from wherever a call is repeated under one key, it happens at most
 * once, and every answer under that key is the same, also to a shipment that has been cancelled since.
 *
 * A rejection means: outcome unknown. The call may have happened, may still happen, or may never happen; only a
 * repeat can tell. What the carrier decides against is an answer, not a rejection.
 */
export interface Carrier {
  ship(request: ShipRequest): Promise<ShipAnswer>;
  cancel(request: CancelRequest): Promise<CancelAnswer>;
}
