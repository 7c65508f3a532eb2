import type { AnswerEvent, AnswerType } from '@recourse/contracts/answers';
import type { Issued } from './answer.ts';

/** Money as commands and answers say it. */
type Money = { readonly amount: number; readonly currency: string };

/**
 * Why an answer cannot be true, given the command and what else the participant has said of the order; `undefined`
 * where it can. Completes a sentence that begins with the answer's type. `heard` holds no late answers.
 */
export const misfit = (
  event: AnswerEvent,
  asked: Issued,
  heard: readonly AnswerEvent[],
): string | undefined => {
  const has = (...types: readonly AnswerType[]) => heard.some(({ type }) => types.includes(type));
  switch (event.type) {
    case 'PaymentProcessed':
    case 'PaymentAuthorized':
    case 'PaymentCaptured':
      return sameMoney(event.data, asked.data as Money)
        ? undefined
        : 'is of another amount or currency than was asked for';
    case 'PaymentRefunded':
      return refundMisfit(event.data, heard);
    case 'PaymentVoided':
      return nothingMisfit(event.data.nothing, has('PaymentAuthorized'), 'PaymentAuthorized');
    case 'ShipmentCancelled':
      return has('OrderShipped')
        ? 'comes after OrderShipped, which is the pivot: ShipmentCancellationRefused is owed'
        : undefined;
    case 'ShipmentCancellationRefused':
      return has('OrderShipped')
        ? undefined
        : 'comes without OrderShipped: what is refused to be taken back has to be answered first';
    default:
      return undefined;
  }
};

/** A refund gives back exactly what was taken, or nothing where nothing was. */
const refundMisfit = (
  refund: Money & { readonly nothing: boolean },
  heard: readonly AnswerEvent[],
): string | undefined => {
  const taken = heard.findLast(isTaken);
  const nothing = nothingMisfit(refund.nothing, taken !== undefined, 'PaymentProcessed');
  if (nothing !== undefined) return nothing;
  if (taken === undefined) return refund.amount === 0 ? undefined : 'says nothing was there, with an amount';
  return sameMoney(refund, taken.data) ? undefined : 'gives back another amount or currency than was taken';
};

const isTaken = (
  event: AnswerEvent,
): event is Extract<AnswerEvent, { type: 'PaymentProcessed' | 'PaymentCaptured' }> =>
  event.type === 'PaymentProcessed' || event.type === 'PaymentCaptured';

/** No outcome is ever unknown to the log: what is taken back was answered, and what was answered is taken back. */
const nothingMisfit = (nothing: boolean, happened: boolean, type: AnswerType): string | undefined => {
  if (nothing && happened) return `says nothing was there, but ${type} was answered`;
  if (!nothing && !happened) return `takes back what was never answered: ${type} has to be answered first`;
  return undefined;
};

const sameMoney = (one: Money, other: Money): boolean =>
  one.amount === other.amount && one.currency === other.currency;
