import type { CommandId, OrderId, PaymentToken } from '@recourse/contracts/ids';
import type { Currency } from '@recourse/contracts/money';

/** What the provider says to a charge: the money was captured, or it was not and never will be under this key. */
export type ChargeAnswer =
  | { readonly accepted: true; readonly chargeId: string }
  | { readonly accepted: false; readonly reason: string };

/** What the provider says to an authorisation: it keeps the money ready, or it does not and never will under this key. */
export type AuthorizationAnswer =
  | { readonly accepted: true; readonly authorizationId: string }
  | { readonly accepted: false; readonly reason: string };

/** `key` is the idempotency key. When `signal` aborts nobody waits any more. */
type Call = { readonly key: CommandId; readonly signal: AbortSignal };

/** In minor units. */
type Money = { readonly amount: number; readonly currency: Currency };

/** Money of an order: to be captured, or to be kept ready. */
export type ChargeRequest = Call & Money & { readonly orderId: OrderId; readonly paymentToken: PaymentToken };

/** Gives back `amount` of the charge. */
export type RefundRequest = Call & Money & { readonly chargeId: string };

/** Takes `amount` of what was authorised. */
export type CaptureRequest = Call & Money & { readonly authorizationId: string };

/** Lets go of all that was authorised. */
export type VoidRequest = Call & { readonly authorizationId: string };

/**
 * A payment provider. Idempotent by key: however often and from wherever a call is repeated under one key, it happens
 * at most once, and every answer under that key is the same. So a repeat is also the question "what became of it?".
 *
 * A rejection means: outcome unknown. The call may have happened, may still happen, or may never happen; only a
 * repeat can tell. What the provider decides against is an answer, not a rejection.
 */
export interface PaymentGateway {
  /** Captures the amount at once. */
  charge(request: ChargeRequest): Promise<ChargeAnswer>;
  /** Gives money of a charge back. A provider has no final "no" to this. */
  refund(request: RefundRequest): Promise<{ readonly refundId: string }>;
  /** Keeps the amount ready, to be captured or voided later. */
  authorize(request: ChargeRequest): Promise<AuthorizationAnswer>;
  /** Takes money that was authorised, once. No final "no": what cannot be captured is for a person to settle. */
  capture(request: CaptureRequest): Promise<{ readonly captureId: string }>;
  /** Lets go of what was authorised and not captured. No final "no" either. */
  void(request: VoidRequest): Promise<{ readonly voidId: string }>;
}
