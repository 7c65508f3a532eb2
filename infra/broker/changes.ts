import type { Message, ParkedMessage } from '../ports/broker.ts';

/** What changes about a parked message. */
export type Standing = Pick<ParkedMessage, 'state' | 'attempts' | 'error' | 'retryAt'>;

/** One change of the parked table, on its way to where it is kept. `P` says where a message stands. */
export type Change<P> =
  | {
      readonly change: 'park';
      readonly place: P;
      readonly message: Message;
      readonly standing: Standing;
      readonly parkedAt: number;
      /** Called once it is durable, or needs to be no more. */
      readonly onWritten: () => void;
    }
  | { readonly change: 'stand'; readonly place: P; readonly standing: Standing }
  | { readonly change: 'remove'; readonly place: P }
  | {
      readonly change: 'discard';
      readonly place: P;
      readonly note: string;
      readonly by: string;
      readonly at: number;
    };
