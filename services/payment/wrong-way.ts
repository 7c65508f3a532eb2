import type { Payment, PaymentAsked } from './model.ts';

/**
 * The error of a command that no chart issues on such a payment: what was captured past the pivot cannot be voided, what
 * was only authorised cannot be refunded, and what nobody keeps ready cannot be captured. To guess would move money that
 * nobody asked to move, or call settled what is not. So it is a bug: the command becomes a dead letter, its saga is
 * stuck, and a person looks.
 */
export const wrongWay = ({ type, id }: PaymentAsked, { status }: Payment): Error =>
  new Error(`${type} ${id}: the payment is ${status}, and no chart asks for that then`);
