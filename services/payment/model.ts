import type { Command } from '@recourse/contracts/commands';
import type { DomainEvent } from '@recourse/contracts/events';
import type { CommandId, PaymentToken } from '@recourse/contracts/ids';
import type { Currency } from '@recourse/contracts/money';
import type { ChargeAnswer } from './gateway.ts';

/** Who said what became of a step; `late`: a person did, and the provider's own answer was recorded after that. */
export type SettledBy = 'provider' | 'person' | 'late';

/** Money that was captured, in minor units. */
export type Charge = { readonly chargeId: string; readonly amount: number; readonly currency: Currency };

/** A charge that was asked for. */
export type Intent = {
  readonly commandId: CommandId;
  readonly amount: number;
  readonly currency: Currency;
  readonly paymentToken: PaymentToken;
};

/** The payment of one order: at most one charge, and at most one refund of it. */
export type Payment =
  | { readonly status: 'none' }
  | { readonly status: 'started'; readonly intent: Intent }
  | { readonly status: 'processed'; readonly charge: Charge; readonly chargeBy: SettledBy }
  | { readonly status: 'failed'; readonly chargeBy: SettledBy }
  | {
      readonly status: 'refunding';
      readonly commandId: CommandId;
      readonly charge: Charge;
      readonly chargeBy: SettledBy;
    }
  | {
      readonly status: 'refunded';
      /** Nothing had been captured: a tombstone. */
      readonly nothing: boolean;
      readonly chargeBy: SettledBy;
      readonly refundBy: SettledBy;
    };

/** What a person found out about a charge or a refund whose outcome no call could tell. */
export type PaymentResolution = {
  /** The command that is outstanding. */
  readonly commandId: CommandId;
  /** The first two answer ProcessPayment, the third RefundPayment. */
  readonly outcome: 'PaymentProcessed' | 'PaymentFailed' | 'PaymentRefunded';
  /** The provider's own name for the charge or the refund; where both are settled at once, for both. */
  readonly reference: string;
  readonly note: string;
  /** For a refund whose charge is still open: what became of the charge. */
  readonly openOutcome?: 'PaymentProcessed' | 'PaymentFailed' | undefined;
  /** In minor units; needed where the log holds no intent that says them. */
  readonly amount?: number | undefined;
  readonly currency?: Currency | undefined;
};

/** A resolution as a command to the payment decider. */
export type ResolvePayment = { readonly type: 'ResolvePayment' } & PaymentResolution;

/** What the payment decider obeys: the saga, the outcomes of calls, and a person. */
export type PaymentCommand =
  | Command<'ProcessPayment' | 'RefundPayment'>
  | {
      readonly type: 'ChargeAnswered';
      readonly intent: Omit<Intent, 'paymentToken'>;
      readonly answer: ChargeAnswer;
    }
  | {
      readonly type: 'RefundAnswered';
      readonly commandId: CommandId;
      readonly charge: Charge;
      readonly refundId: string;
    }
  | ResolvePayment;

/** What stands in `payment-<id>`. */
export type PaymentEvent = DomainEvent<
  'PaymentStarted' | 'PaymentProcessed' | 'PaymentFailed' | 'RefundStarted' | 'PaymentRefunded'
>;

/** A call outside that is open: asked for by an intent, its outcome not yet in the log. */
export type PaymentAct =
  | { readonly call: 'charge'; readonly intent: Intent }
  | { readonly call: 'refund'; readonly commandId: CommandId; readonly charge: Charge };
