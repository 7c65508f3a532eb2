import type { EventData } from '@eventstore/db-client';
import { DamagedError, UnavailableError, UnknownVersionError } from '../errors.ts';
import { isKnown } from '../log/records.ts';
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
    if (!isKnown({ id: 0, name: rest.type, version }))
      throw new UnknownVersionError(
        `${stream} ${revision} is a ${rest.type} of version ${version}: this Recourse does not know it, start a newer one`,
      );
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

/** The same records, each for itself. */
const singly = ({ stream, first, outgoing }: Run): Run[] =>
  outgoing.map((it, index) => ({ stream, first: first + index, outgoing: [it], bytes: it.bytes }));

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
    /** Whether it was stored now, and not before. */
    const store = async ({ stream, first, outgoing }: Run): Promise<boolean> => {
      const events = outgoing.map(({ event }) => event);
      const outcome = await made(stream, first - 1, events);
      const { revision, position = 0 } = outcome.kind === 'stored' ? outcome : { revision: noStream };
      if (position <= last || revision !== first + events.length - 1) return false;
      last = position;
      stored += events.length;
      return true;
    };
    for (const run of runsOf(records)) {
      if ((await store(run)) || (await same(run))) continue;
      // Some are there and some are not: an import ended in the midst of them.
      for (const one of singly(run)) if (!(await store(one)) && !(await same(one))) throw differs(one);
    }
    return stored;
  };
};
