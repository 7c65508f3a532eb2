import type { Command, CommandName } from '@recourse/contracts/commands';
import type { DomainEvent } from '@recourse/contracts/events';
import type { CommandId, PaymentToken } from '@recourse/contracts/ids';
import type { Currency } from '@recourse/contracts/money';
import type { AuthorizationAnswer, ChargeAnswer } from './gateway.ts';

/** Who said what became of a step; `late`: a person did, and the provider's own answer was recorded after that. */
export type SettledBy = 'provider' | 'person' | 'late';

/** An amount of money, in minor units. */
export type Money = { readonly amount: number; readonly currency: Currency };

/** Money that was captured at once. */
export type Charge = Money & { readonly chargeId: string };

/** Money that the provider keeps ready: not ours before it is captured, the customer's again once it is voided. */
export type Authorization = Money & { readonly authorizationId: string };

/** A charge or an authorisation that was asked for. */
export type Intent = Money & { readonly commandId: CommandId; readonly paymentToken: PaymentToken };

/** The capture of an authorisation that was asked for; what is captured may be less than what was authorised. */
export type CaptureIntent = Authorization & { readonly commandId: CommandId };

/** A payment that is charged at once: at most one charge, and at most one refund of it. */
type Charging =
  | { readonly status: 'started'; readonly intent: Intent }
  | {
      readonly status: 'processed';
      readonly charge: Charge;
      readonly chargeBy: SettledBy;
      /** CapturePayment has been answered, too: there was nothing left to capture. */
      readonly captureAnswered?: true;
    }
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

/** A payment that is authorised first: at most one authorisation, which is either captured or voided. */
type Authorizing =
  | { readonly status: 'authorizing'; readonly intent: Intent }
  | {
      readonly status: 'authorized';
      readonly authorization: Authorization;
      readonly authorizedBy: SettledBy;
    }
  | { readonly status: 'unauthorized'; readonly authorizedBy: SettledBy }
  | { readonly status: 'capturing'; readonly intent: CaptureIntent; readonly authorizedBy: SettledBy }
  | { readonly status: 'captured'; readonly authorizedBy: SettledBy; readonly capturedBy: SettledBy }
  | {
      readonly status: 'voiding';
      readonly commandId: CommandId;
      readonly authorizationId: string;
      readonly authorizedBy: SettledBy;
    }
  | {
      readonly status: 'voided';
      /** Nothing had been authorised: a tombstone. */
      readonly nothing: boolean;
      readonly authorizedBy: SettledBy;
      readonly voidedBy: SettledBy;
      /** Where there had been a charge, and it had failed. */
      readonly chargeBy?: SettledBy | undefined;
    };

/** The payment of one order, whichever way its saga goes. */
export type Payment = { readonly status: 'none' } | Charging | Authorizing;

/** The commands of the saga that payment obeys. */
export const paymentCommands = [
  'ProcessPayment',
  'RefundPayment',
  'AuthorizePayment',
  'CapturePayment',
  'VoidPayment',
] as const satisfies readonly CommandName[];

/** One of them. */
export type PaymentAsked = Command<(typeof paymentCommands)[number]>;

/** What a person found out about a call whose outcome the provider did not tell. */
export type PaymentResolution = {
  /** The command that is outstanding. */
  readonly commandId: CommandId;
  /** The answer to that command. */
  readonly outcome:
    | 'PaymentProcessed'
    | 'PaymentFailed'
    | 'PaymentRefunded'
    | 'PaymentAuthorized'
    | 'AuthorizationFailed'
    | 'PaymentCaptured'
    | 'PaymentVoided';
  /** The provider's own name for what it did; where two steps are settled at once, for both. */
  readonly reference: string;
  readonly note: string;
  /** Where the charge or the authorisation behind that command is still open: what became of it. */
  readonly openOutcome?:
    | 'PaymentProcessed'
    | 'PaymentFailed'
    | 'PaymentAuthorized'
    | 'AuthorizationFailed'
    | undefined;
  /** In minor units; needed where the log holds no intent that says them. */
  readonly amount?: number | undefined;
  readonly currency?: Currency | undefined;
};

/** A resolution as a command to the payment decider. */
export type ResolvePayment = { readonly type: 'ResolvePayment' } & PaymentResolution;

type Asked = Omit<Intent, 'paymentToken'>;

/** The outcome of a call, as a command to the payment decider. */
export type PaymentAnswered =
  | { readonly type: 'ChargeAnswered'; readonly intent: Asked; readonly answer: ChargeAnswer }
  | {
      readonly type: 'RefundAnswered';
      readonly commandId: CommandId;
      readonly charge: Charge;
      readonly refundId: string;
    }
  | { readonly type: 'AuthorizationAnswered'; readonly intent: Asked; readonly answer: AuthorizationAnswer }
  | { readonly type: 'CaptureAnswered'; readonly intent: CaptureIntent; readonly captureId: string }
  | { readonly type: 'VoidAnswered'; readonly commandId: CommandId; readonly voidId: string };

/** What the payment decider obeys: the saga, the outcomes of calls, and a person. */
export type PaymentCommand = PaymentAsked | PaymentAnswered | ResolvePayment;

/** What stands in `payment-<id>` of a payment that is charged at once. */
export type ChargeEvent = DomainEvent<
  'PaymentStarted' | 'PaymentProcessed' | 'PaymentFailed' | 'RefundStarted' | 'PaymentRefunded'
>;

/** What stands there of a payment that is authorised first. */
export type AuthorizationEvent = DomainEvent<
  | 'AuthorizationStarted'
  | 'PaymentAuthorized'
  | 'AuthorizationFailed'
  | 'CaptureStarted'
  | 'PaymentCaptured'
  | 'VoidStarted'
  | 'PaymentVoided'
>;

/** What stands in `payment-<id>`. */
export type PaymentEvent = ChargeEvent | AuthorizationEvent;

/** A call outside that is open: asked for by an intent, its outcome not yet in the log. */
export type PaymentAct =
  | { readonly call: 'charge' | 'authorize'; readonly intent: Intent }
  | { readonly call: 'refund'; readonly commandId: CommandId; readonly charge: Charge }
  | { readonly call: 'capture'; readonly intent: CaptureIntent }
  | { readonly call: 'void'; readonly commandId: CommandId; readonly authorizationId: string };
