import type { Message } from '../ports/broker.ts';

/** A message that a group has taken and not yet handled or parked. */
export type Entry = {
  readonly message: Message;
  /** Its place within its record. */
  readonly index: number;
  prev: Entry | undefined;
  next: Entry | undefined;
};

/** What a group has in hand, in the order it was taken (so by position): adding, removing and the lowest are O(1). */
export const inHandList = () => {
  let head: Entry | undefined;
  let tail: Entry | undefined;
  let size = 0;
  return {
    add: (message: Message, index: number): Entry => {
      const entry: Entry = { message, index, prev: tail, next: undefined };
      if (tail === undefined) head = entry;
      else tail.next = entry;
      tail = entry;
      size += 1;
      return entry;
    },
    remove: (entry: Entry): void => {
      if (entry.prev === undefined) head = entry.next;
      else entry.prev.next = entry.next;
      if (entry.next === undefined) tail = entry.prev;
      else entry.next.prev = entry.prev;
      entry.prev = undefined;
      entry.next = undefined;
      size -= 1;
    },
    size: (): number => size,
    /** The position of the lowest message in hand. */
    lowest: (): number | undefined => head?.message.position,
  };
};
