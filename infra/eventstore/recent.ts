import type { RecordedEvent } from '../ports/event-log.ts';

/** Where the records in front are dropped for good, so that memory is given back. */
const droppedMax = 1_024;

/**
 * The last records of a log whose positions have gaps, bounded by their number and by the bytes of their JSON:
 * all that there are after a place.
 */
export const recentTail = (countMax: number, bytesMax: number) => {
  let records: RecordedEvent[] = [];
  let sizes: number[] = [];
  /** Records in front that are dropped already. */
  let dropped = 0;
  let bytes = 0;
  /** The position after which all are here. */
  let from = Number.MAX_SAFE_INTEGER;

  const dropFirst = () => {
    from = records[dropped]!.position;
    bytes -= sizes[dropped]!;
    dropped += 1;
    if (dropped < droppedMax) return;
    records = records.slice(dropped);
    sizes = sizes.slice(dropped);
    dropped = 0;
  };

  /** The index of the first record after a position. */
  const firstAfter = (position: number): number => {
    let [low, high] = [dropped, records.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (records[middle]!.position > position) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  return {
    /** Keeps a record, which is the next one of the log; `size` in bytes. */
    push: (record: RecordedEvent, size: number): void => {
      records.push(record);
      sizes.push(size);
      bytes += size;
      while (records.length - dropped > countMax || (bytes > bytesMax && records.length > dropped))
        dropFirst();
    },
    /** Up to `max` records after a position, at least one; `undefined` where they are not all in memory. */
    after: (position: number, max: number): RecordedEvent[] | undefined => {
      if (position < from) return undefined;
      const first = firstAfter(position);
      return first === records.length ? undefined : records.slice(first, first + max);
    },
    /** Forgets all; from now on it has what comes after a position. */
    clear: (position: number): void => {
      [records, sizes, dropped, bytes, from] = [[], [], 0, 0, position];
    },
  };
};
