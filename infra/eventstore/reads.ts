import type { StreamName } from '@recourse/contracts/streams';
import { noStream, type ReadOptions, type RecordedEvent } from '../ports/event-log.ts';
import type { LogPlace, StreamFound } from './client.ts';
import type { Connection } from './connection.ts';
import { type Found, isSystems } from './found.ts';
import { damage, decode, isOurs, stampedAt } from './records.ts';
import type { RisingTimes } from './times.ts';

/** How much is read at once. */
export type ReadLimits = {
  /** The most events of one read of the server. */
  readonly readEventsMax: number;
};

/** Where the log ends is looked for among so many events first. */
const firstLookEvents = 8;

/**
 * A stretch of the log in which nothing is ours: from a position, whose record has a time, to the place of the last
 * event looked at.
 */
type Nothing = { readonly after: number; readonly upTo: LogPlace; readonly time: number };

/** What a read of the whole log has found so far, and the time of the last record, found or only passed. */
type Scan = { readonly records: RecordedEvent[]; time: number };

/** The place of a record of ours. */
const placeAt = (position: number): LogPlace => ({ position, prepare: position });

/** Reads of the log. */
export const logReads = (connection: Connection, times: RisingTimes, { readEventsMax }: ReadLimits) => {
  let nothing: Nothing = { after: 0, upTo: placeAt(0), time: 0 };
  /** The last record that was found at the end. */
  let lastKnown: Found | undefined;

  const ours = (found: Found) => !isSystems(found) && isOurs(found);

  const inStream = (stream: StreamName, found: StreamFound): readonly Found[] => {
    if (found === 'tombstoned') throw damage(`${stream} was deleted for ever`);
    return found === 'none' ? [] : found;
  };
  const record = (found: Found): RecordedEvent =>
    decode(found, times.of(found.position, stampedAt(found))).record;

  const forwards = async (stream: StreamName, from: number, max: number): Promise<RecordedEvent[]> => {
    const records: RecordedEvent[] = [];
    while (records.length < max) {
      const wanted = Math.min(readEventsMax, max - records.length);
      const next = from + records.length;
      const page = inStream(
        stream,
        await connection.readStream(stream, { from: next, backwards: false, max: wanted }),
      );
      page.forEach(({ revision }, index) => {
        if (revision !== next + index) throw damage(`${stream} ${next + index} is missing: it was cut off`);
      });
      records.push(...page.map(record));
      if (page.length < wanted) break;
    }
    return records;
  };

  /** From a revision, or from the end on, down to the first. */
  const downFrom = async (stream: StreamName, from: number | undefined, max: number) => {
    const records: RecordedEvent[] = [];
    let next = from;
    while (records.length < max && (next === undefined || next >= 0)) {
      const wanted = Math.min(readEventsMax, max - records.length);
      const page = inStream(
        stream,
        await connection.readStream(stream, { from: next, backwards: true, max: wanted }),
      );
      if (page.length === 0) break;
      const first = next ?? page[0]!.revision;
      // From behind the end a server may find nothing, or not all: then from the end.
      if (records.length === 0 && page[0]!.revision !== first) return undefined;
      page.forEach(({ revision }, index) => {
        if (revision !== first - index) throw damage(`${stream} ${first - index} is missing: it was cut off`);
      });
      records.push(...page.map(record));
      next = first - page.length;
    }
    if (records.length < max && (next ?? noStream) >= 0 && records.length > 0)
      throw damage(`${stream} ${next} is missing: it was cut off`);
    return records;
  };

  const backwards = async (stream: StreamName, from: number | undefined, max: number) => {
    if (from !== undefined && from < 0) return [];
    const found = await downFrom(stream, from, max);
    if (from === undefined || (found !== undefined && found.length > 0)) return found ?? [];
    return (await downFrom(stream, undefined, max)) ?? [];
  };

  /** Looks back from the end for the last record of ours; no further than where it was last time. */
  const last = async (): Promise<Found | undefined> => {
    let before: LogPlace | undefined;
    for (let wanted = firstLookEvents; ; wanted = readEventsMax) {
      const page = await connection.readAll({ from: before, backwards: true, max: wanted });
      // The log has lost its end: what was there is no mark any more.
      if (before === undefined && (page[0]?.position ?? -1) < (lastKnown?.position ?? -1))
        lastKnown = undefined;
      const news = page.filter(({ position }) => before === undefined || position < before.position);
      const found = news.find(ours);
      if (found !== undefined) {
        lastKnown = found;
        return found;
      }
      before = news.at(-1);
      if (before === undefined || page.length < wanted) return undefined;
      if (lastKnown !== undefined && before.position <= lastKnown.position) return lastKnown;
    }
  };

  /** Takes what of a page is ours, as far as it can be read; throws where not even the first record can. */
  const take = (page: readonly Found[], after: number, max: number, scan: Scan): boolean => {
    const { records } = scan;
    for (const found of page) {
      if (!ours(found)) continue;
      scan.time = times.following(found.position, stampedAt(found), scan.time);
      if (found.position <= (records.at(-1)?.position ?? after)) continue;
      try {
        records.push(decode(found, scan.time).record);
      } catch (error) {
        if (records.length === 0) throw error;
        return false;
      }
      if (records.length >= max) return false;
    }
    return true;
  };

  return {
    readStream: async (
      stream: StreamName,
      { from, direction, max = Number.MAX_SAFE_INTEGER }: ReadOptions,
    ): Promise<readonly RecordedEvent[]> => {
      if (max < 1) return [];
      if (direction === 'backwards') return backwards(stream, from, max);
      return forwards(stream, Math.max(0, from ?? 0), max);
    },

    headOf: async (stream: StreamName): Promise<number> => {
      const found = await connection.readStream(stream, { backwards: true, max: 1 });
      return inStream(stream, found)[0]?.revision ?? noStream;
    },

    /** Records after a position, at most `max`; fewer at the end, or where the next one cannot be read. */
    readAll: async (after: number, max: number): Promise<readonly RecordedEvent[]> => {
      const passed = after >= nothing.after && after < nothing.upTo.position;
      let place = passed ? nothing.upTo : placeAt(after);
      const scan: Scan = { records: [], time: passed ? nothing.time : 0 };
      const { records } = scan;
      while (records.length < max) {
        // The event at the place itself comes first: what is read is inclusive.
        const wanted = Math.min(readEventsMax, max - records.length) + 1;
        const from = place.position === 0 ? undefined : place;
        const page = await connection.readAll({ from, backwards: false, max: wanted });
        if (!take(page, after, max, scan)) break;
        const end: LogPlace = page.at(-1) ?? place;
        if (records.length === 0 && end.position > after) nothing = { after, upTo: end, time: scan.time };
        if (page.length < wanted || end.position <= place.position) break;
        place = end;
      }
      return records;
    },

    last,
  };
};

/** Reads of the log, as `logReads` makes them. */
export type LogReads = ReturnType<typeof logReads>;
