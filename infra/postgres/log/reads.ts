import type { StreamName } from '@recourse/contracts/streams';
import { splitStream } from '../../log/names.ts';
import type { Clock } from '../../ports/clock.ts';
import { noStream, type ReadOptions, type RecordedEvent } from '../../ports/event-log.ts';
import type { Postgres } from '../connect.ts';
import { int4Array, int8Array, textArray } from './arrays.ts';
import { damage, type RecordDecoder, type Row } from './records.ts';
import { timeLimit } from './time-limit.ts';

/** What reads may send. */
export type ReadLimits = {
  /** The most streams of one statement. */
  readonly readStreamsMax: number;
  /** While so many statements are on their way, what comes waits, and joins. */
  readonly readsInFlightMax: number;
  /** How long a read may take from when it is asked for, those before it included. */
  readonly answerMsMax: number;
};

type Found = Row & { readonly asked: number; readonly head: number };
type NoRecord = { readonly asked: number; readonly head: number; readonly position: null };

type Ask = {
  readonly stream: StreamName;
  readonly key: string;
  readonly category: string;
  readonly from: number;
  readonly max: number;
  readonly backwards: boolean;
  readonly take: (rows: readonly (Found | NoRecord)[]) => void;
  readonly reject: (error: unknown) => void;
};

const text = 'select * from log_read($1, $2, $3, $4, $5)';

/** The revisions that an ask is answered with, the lower first; none where `first` is above `last`. */
const rangeOf = ({ from, max, backwards }: Ask, head: number) => {
  const last = backwards ? Math.min(from, head) : Math.min(head, from + max - 1);
  return { first: Math.max(0, backwards ? last - max + 1 : from), last };
};

/** Reads streams: all reads that wait go in one statement, and see what was synced before it. */
export const streamReads = (
  postgres: Postgres,
  decoder: RecordDecoder,
  { clock, limits }: { readonly clock: Clock; readonly limits: ReadLimits },
) => {
  const limit = timeLimit<Ask>(clock, limits.answerMsMax);
  let waiting: Ask[] = [];
  let inFlight = 0;
  let scheduled = false;

  const read = async (asks: readonly Ask[]) => {
    const rows = await postgres.query<Found | NoRecord>(text, [
      textArray(asks.map(({ key }) => key)),
      textArray(asks.map(({ category }) => category)),
      int8Array(asks.map(({ from }) => from)),
      int8Array(asks.map(({ max }) => max)),
      int4Array(asks.map(({ backwards }) => (backwards ? 1 : 0))),
    ]);
    await decoder.prepare(rows.filter((row) => row.position !== null));
    const rowsByAsk = asks.map((): (Found | NoRecord)[] => []);
    for (const row of rows) rowsByAsk[row.asked - 1]!.push(row);
    asks.forEach(({ take, reject }, index) => {
      try {
        take(rowsByAsk[index]!);
      } catch (error) {
        reject(error);
      }
    });
  };

  const send = async () => {
    const taken = waiting.slice(0, limits.readStreamsMax);
    waiting = waiting.slice(limits.readStreamsMax);
    const asks = taken.filter(limit.waits);
    inFlight += 1;
    try {
      if (asks.length > 0) await read(asks);
    } catch (error) {
      for (const { reject } of asks) reject(error);
    }
    for (const ask of asks) limit.end(ask);
    inFlight -= 1;
    schedule();
  };

  const schedule = () => {
    if (scheduled || waiting.length === 0 || inFlight >= limits.readsInFlightMax) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      while (waiting.length > 0 && inFlight < limits.readsInFlightMax) void send();
    });
  };

  const recordsOf = (ask: Ask, rows: readonly (Found | NoRecord)[]): readonly RecordedEvent[] => {
    const { stream, key } = ask;
    if (rows.length === 0) return [];
    const { first, last } = rangeOf(ask, rows[0]!.head);
    const records: RecordedEvent[] = [];
    for (const row of rows) {
      if (row.position === null) break;
      if (row.revision !== first + records.length) break;
      records.push(decoder.decode(row, stream, key));
    }
    if (records.length !== Math.max(0, last - first + 1))
      throw damage(`${stream} revision ${first + records.length} is missing`);
    return ask.backwards ? records.reverse() : records;
  };

  const ask = <T>(
    stream: StreamName,
    options: ReadOptions,
    answer: (ask: Ask, rows: readonly (Found | NoRecord)[]) => T,
  ): Promise<T> =>
    new Promise((resolve, reject) => {
      const { key, category } = splitStream(stream);
      const { from, direction, max = Number.MAX_SAFE_INTEGER } = options;
      const backwards = direction === 'backwards';
      const start = from ?? (backwards ? Number.MAX_SAFE_INTEGER : 0);
      const asked: Ask = {
        stream,
        key,
        category,
        from: backwards ? start : Math.max(0, start),
        max,
        backwards,
        take: (rows) => resolve(answer(asked, rows)),
        reject,
      };
      limit.begin(asked);
      waiting.push(asked);
      schedule();
    });

  return {
    readStream: (stream: StreamName, options: ReadOptions = {}): Promise<readonly RecordedEvent[]> =>
      ask(stream, options, recordsOf),
    headOf: (stream: StreamName): Promise<number> =>
      ask(stream, { max: 0 }, (_, rows) => rows[0]?.head ?? noStream),
    close: limit.close,
  };
};
