import type { EventData } from '@eventstore/db-client';
import { DamagedError, UnavailableError } from '../errors.ts';
import { type NewEvent, noStream } from '../ports/event-log.ts';
import type { Connection } from './connection.ts';
import { encode, type Outgoing } from './records.ts';

/** A record of another log, as that one has stored it: its data as JSON of the version that it names. */
export type ForeignRecord = {
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly correlation: string;
  readonly causation: string;
  readonly json: string;
};

/** The most events and bytes of one append: what the server takes without effort. */
const eventsMax = 100;
const bytesMax = 512 * 1024;
const asksMax = 3;

type Run = { readonly stream: string; readonly first: number; readonly outgoing: Outgoing[]; bytes: number };

/** Records that follow each other in one stream are one append. */
const runsOf = (records: readonly ForeignRecord[]): Run[] => {
  const runs: Run[] = [];
  for (const { stream, revision, version, time, json, ...rest } of records) {
    const event = { ...rest, data: JSON.parse(json) } as unknown as NewEvent;
    const outgoing = encode(event, { stream, revision, version, time });
    const run = runs.at(-1);
    const fits =
      run !== undefined &&
      run.stream === stream &&
      run.first + run.outgoing.length === revision &&
      run.outgoing.length < eventsMax &&
      run.bytes + outgoing.bytes <= bytesMax;
    if (fits) {
      run.outgoing.push(outgoing);
      run.bytes += outgoing.bytes;
    } else runs.push({ stream, first: revision, outgoing: [outgoing], bytes: outgoing.bytes });
  }
  return runs;
};

/** Copies records of another log into this one, in their order. */
export const recordImport = (connection: Connection, headOfLog: () => Promise<number>) => {
  /** Whether what is stored there is what was to be stored. The server compares ids alone. */
  const same = async ({ stream, first, outgoing }: Run): Promise<boolean> => {
    const found = await connection.readStream(stream, {
      from: first,
      backwards: false,
      max: outgoing.length,
    });
    if (found === 'none' || found === 'tombstoned' || found.length < outgoing.length) return false;
    return outgoing.every(({ event }, index) => {
      const { id, revision, metadata } = found[index]!;
      const there = metadata as { crc?: unknown; time?: unknown } | undefined;
      const wanted = event.metadata as { crc: number; time: number };
      return (
        id === event.id &&
        revision === first + index &&
        there?.crc === wanted.crc &&
        there.time === wanted.time
      );
    });
  };

  const differs = ({ stream, first, outgoing }: Run) =>
    new DamagedError(
      `${stream} ${first} to ${first + outgoing.length - 1}: EventStoreDB holds other records there than the log that is copied`,
    );

  const made = async (stream: string, expected: number, events: readonly EventData[]) => {
    for (let asks = 1; ; asks += 1) {
      const outcome = await connection.append(stream, expected, events);
      if (outcome.kind !== 'timed-out') return outcome;
      if (asks >= asksMax) throw new UnavailableError(`EventStoreDB: an append to ${stream} timed out`);
    }
  };

  return async (records: readonly ForeignRecord[]): Promise<number> => {
    let last = await headOfLog();
    let stored = 0;
    for (const run of runsOf(records)) {
      const events = run.outgoing.map(({ event }) => event);
      const outcome = await made(run.stream, run.first - 1, events);
      const { revision, position = 0 } = outcome.kind === 'stored' ? outcome : { revision: noStream };
      if (position > last && revision === run.first + events.length - 1) {
        last = position;
        stored += events.length;
      } else if (!(await same(run))) throw differs(run);
    }
    return stored;
  };
};
