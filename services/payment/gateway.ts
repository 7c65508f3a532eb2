import type { CommandId, OrderId, PaymentToken } from '@recourse/contracts/ids';
import type { Currency } from '@recourse/contracts/money';

/** What the provider says to a charge: the money was captured, or it was not and never will be under this key. */
export type ChargeAnswer =
  | { readonly accepted: true; readonly chargeId: string }
  | { readonly accepted: false; readonly reason: string };

/** Amounts are in minor units. `key` is the idempotency key. When `signal` aborts nobody waits any more. */
export type ChargeRequest = {
  readonly key: CommandId;
  readonly orderId: OrderId;
  readonly amount: number;
  readonly currency: Currency;
  readonly paymentToken: PaymentToken;
  readonly signal: AbortSignal;
};

/** Gives back `amount` of the charge; see `ChargeRequest`. */
export type RefundRequest = {
  readonly key: CommandId;
  readonly chargeId: string;
  readonly amount: number;
  readonly currency: Currency;
  readonly signal: AbortSignal;
};

/**
 * A payment provider. Idempotent by key: however often and from wherever a call is repeated under one key, it happens
 * at most once, and every answer under that key is the same. So a repeat is also the question "what became of it?".
 *
 * A rejection means: outcome unknown. The call may have happened, may still happen, or may never happen; only a
 * repeat can tell. What the provider decides against is an answer, not a rejection.
 */
export interface PaymentGateway {
  /** Captures the amount. */
  charge(request: ChargeRequest): Promise<ChargeAnswer>;
  /** Gives money of a charge back. A provider has no final "no" to this. */
  refund(request: RefundRequest): Promise<{ readonly refundId: string }>;
}
