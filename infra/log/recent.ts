import type { RecordedEvent } from '../ports/event-log.ts';

/**
 * The last records of the log in memory, as the very objects that were appended, so that who follows near the head,
 * and who reads a young stream, parses nothing. Bounded by their number and by the bytes of their JSON.
 */
export const recentRecords = (countMax: number, bytesMax: number) => {
  const records: (RecordedEvent | undefined)[] = new Array(countMax).fill(undefined);
  const bytes = new Float64Array(countMax);
  /** By slot: the position of the record before it in its stream, 0 where that is not known. */
  const before = new Float64Array(countMax);
  let first = 1;
  let next = 1;
  let bytesHeld = 0;

  const dropFirst = () => {
    const slot = first % countMax;
    records[slot] = undefined;
    bytesHeld -= bytes[slot]!;
    first += 1;
  };

  return {
    /** Keeps a record, which is the one right after the last. */
    push: (record: RecordedEvent, size: number, lastPosition: number): void => {
      if (record.position !== next) {
        while (first < next) dropFirst();
        first = record.position;
      }
      while (next - first >= countMax || (bytesHeld + size > bytesMax && first < next)) dropFirst();
      const slot = record.position % countMax;
      records[slot] = record;
      bytes[slot] = size;
      before[slot] = lastPosition;
      bytesHeld += size;
      next = record.position + 1;
    },

    /** Up to `max` records right after a position; `undefined` where the first of them is not in memory. */
    after: (position: number, max: number): RecordedEvent[] | undefined => {
      if (position + 1 < first || position + 1 >= next) return undefined;
      const count = Math.min(max, next - 1 - position);
      return Array.from({ length: count }, (_, index) => records[(position + 1 + index) % countMax]!);
    },

    /** The records `from` to `to` of a stream, backwards, going by its last position; `undefined` where one is not in memory. */
    ofStream: (lastPosition: number, from: number, to: number): RecordedEvent[] | undefined => {
      const found: RecordedEvent[] = [];
      for (let position = lastPosition; position >= first && position < next; ) {
        const slot = position % countMax;
        const record = records[slot]!;
        if (record.revision <= to) found.push(record);
        if (record.revision <= from) return found;
        position = before[slot]!;
      }
      return undefined;
    },
  };
};

/** The last records of the log, as `recentRecords` makes it. */
export type RecentRecords = ReturnType<typeof recentRecords>;
