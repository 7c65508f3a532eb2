import type { Message } from '../ports/broker.ts';

/** A message that a group has taken and not yet handled or parked. `A`: what says where it stands besides. */
export type Entry<A = number> = {
  readonly message: Message;
  /** Its place within its record; on Kafka, its place. */
  readonly at: A;
  prev: Entry<A> | undefined;
  next: Entry<A> | undefined;
};

/** What a group has in hand, in the order it was taken: adding, removing and the lowest are O(1). */
export const inHandList = <A = number>() => {
  let head: Entry<A> | undefined;
  let tail: Entry<A> | undefined;
  let size = 0;
  return {
    add: (message: Message, at: A): Entry<A> => {
      const entry: Entry<A> = { message, at, prev: tail, next: undefined };
      if (tail === undefined) head = entry;
      else tail.next = entry;
      tail = entry;
      size += 1;
      return entry;
    },
    remove: (entry: Entry<A>): void => {
      if (entry.prev === undefined) head = entry.next;
      else entry.prev.next = entry.next;
      if (entry.next === undefined) tail = entry.prev;
      else entry.next.prev = entry.prev;
      entry.prev = undefined;
      entry.next = undefined;
      size -= 1;
    },
    size: (): number => size,
    /** The lowest message in hand: the one that was taken first. */
    lowest: (): Entry<A> | undefined => head,
  };
};
