import type { AnswerType, Foreign } from '@recourse/contracts/answers';
import type { CommandName } from '@recourse/contracts/commands';

/** A step that a participant does, and what takes it back. */
export type Way = {
  readonly do: CommandName;
  readonly undo: CommandName;
  /** The answers to `do`. */
  readonly done: AnswerType;
  readonly refused: AnswerType;
  /** The answer to `undo`, with `nothing` where nothing was there. */
  readonly undone: AnswerType;
  /** The answer to `undo` where the step is the pivot and was done. */
  readonly undoRefused?: AnswerType;
  /** What may follow the step instead of its undo, and its answer. */
  readonly next?: { readonly do: CommandName; readonly done: AnswerType };
};

/** What each participant does. */
export const ways: Readonly<Record<Foreign, readonly Way[]>> = {
  shipping: [
    {
      do: 'ShipOrder',
      undo: 'CancelShipment',
      done: 'OrderShipped',
      refused: 'ShippingFailed',
      undone: 'ShipmentCancelled',
      undoRefused: 'ShipmentCancellationRefused',
    },
  ],
  payment: [
    {
      do: 'ProcessPayment',
      undo: 'RefundPayment',
      done: 'PaymentProcessed',
      refused: 'PaymentFailed',
      undone: 'PaymentRefunded',
    },
    {
      do: 'AuthorizePayment',
      undo: 'VoidPayment',
      done: 'PaymentAuthorized',
      refused: 'AuthorizationFailed',
      undone: 'PaymentVoided',
      next: { do: 'CapturePayment', done: 'PaymentCaptured' },
    },
  ],
};
