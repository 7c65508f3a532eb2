import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { registered, registry } from '@recourse/contracts/registry';
import { upcast } from '@recourse/contracts/upcasters';
import { UnavailableError, UnknownVersionError } from '../errors.ts';
import type { RecordedEvent } from '../ports/event-log.ts';
import { checksum } from './checksum.ts';
import { type Packed, packer, unpack } from './names.ts';
import { categoriesMax, headIn, lastPositionIn, type StreamRef, streamNumber } from './streams.ts';

type Row = [
  position: number,
  stream: number,
  revision: number,
  id: Packed,
  type: number,
  time: number,
  correlation: Packed | null,
  causation: Packed,
  data: string,
  crc: number,
  before: number,
  owner: Packed | null,
];

/** A type as the log knows it: name and version of its schema. */
export type StoredType = { readonly id: number; readonly name: string; readonly version: number };

/** One in so many records of a stream has a waymark. */
export const waymarkEvery = 256;

/** Whether this build knows a type in that version. */
export const isKnown = ({ name, version }: StoredType): boolean => {
  const known = registry.get(name);
  return known?.kind === 'event' && version <= known.version;
};

/** Where a record stands in the log. */
type Place = { readonly id: string; readonly position: number; readonly time: number };

const columns = `r.position, r.stream, r.revision, r.id, r.type, r.time, r.correlation, r.causation, r.data, r.crc, r.before`;
const withOwner = `SELECT ${columns}, o.name FROM records r LEFT JOIN owners o ON o.id = r.stream / ${categoriesMax}`;

const damage = (what: string, cause?: unknown) =>
  new Error(`the log is damaged: ${what}; restore it from a backup`, { cause });

/** SQLite's codes for a file that is not what it was: SQLITE_CORRUPT, SQLITE_NOTADB (https://sqlite.org/rescode.html). */
const damaged = new Set([11, 26]);

/** Runs a read of the file, and says what was read where SQLite finds the file damaged. */
const reading = <T>(what: string, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    const { code, errcode, message } = error as Error & { code?: string; errcode?: number };
    if (code !== 'ERR_SQLITE_ERROR') throw error;
    if (errcode !== undefined && damaged.has(errcode & 0xff)) throw damage(`${what}: ${message}`, error);
    throw new UnavailableError(`cannot read ${what}: ${message}`, { cause: error });
  }
};

/** Reads records from the file and checks each: types, versions, checksums, and that none is missing. */
export const recordReader = (db: DatabaseSync) => {
  const types = new Map<number, StoredType>();
  const categories = new Map<number, string>();
  const prepareRows = (sql: string) => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return (...values: SQLInputValue[]) => statement.all(...values) as unknown as Row[];
  };
  const rowsAfter = prepareRows(`${withOwner} WHERE r.position > ? ORDER BY r.position LIMIT ?`);
  const rowAt = prepareRows(`${withOwner} WHERE r.position = ?`);
  const linkAt = db.prepare('SELECT stream, revision, before FROM records WHERE position = ?');
  const waymarkFrom = db.prepare(
    'SELECT revision, position FROM waymarks WHERE stream = ? AND revision >= ? ORDER BY revision LIMIT 1',
  );
  const typeRows = db.prepare('SELECT id, name, version FROM types');
  const categoryRows = db.prepare('SELECT id, name FROM categories');
  const lastRow = db.prepare('SELECT max(position) AS position FROM records');
  const firstOfType = db.prepare('SELECT min(position) AS position FROM records WHERE type = ?');

  const typeOf = (id: number): StoredType | undefined => {
    if (!types.has(id)) for (const row of typeRows.all() as StoredType[]) types.set(row.id, row);
    return types.get(id);
  };
  const categoryOf = (id: number): string | undefined => {
    if (!categories.has(id))
      for (const row of categoryRows.all() as { id: number; name: string }[])
        categories.set(row.id, row.name);
    return categories.get(id);
  };

  const decode = (row: Row): RecordedEvent => {
    const [position, number, revision, id, typeId, time, correlation, causation, data, crc, , ownerName] =
      row;
    const type = typeOf(typeId);
    const category = categoryOf(number % categoriesMax);
    const owner = ownerName === null ? undefined : unpack(ownerName);
    const stream = `${category}-${owner}`;
    if (type === undefined || category === undefined || owner === undefined)
      throw damage(`record ${position} (${stream} ${revision}, ${type?.name}) has no stream or no type`);
    const fields = {
      stream,
      revision,
      id: unpack(id),
      type: type.name,
      version: type.version,
      time,
      correlation: correlation === null ? owner : unpack(correlation),
      causation: unpack(causation),
    };
    if (checksum(fields, data) !== crc)
      throw damage(`record ${position} (${stream} ${revision}, ${type.name}) does not match its checksum`);
    if (!isKnown(type))
      throw new UnknownVersionError(
        `record ${position} (${stream} ${revision}) is a ${type.name} of version ${type.version}: this Recourse does not know it, start a newer one`,
      );
    return {
      position,
      ...fields,
      version: registered(type.name).version,
      data: upcast(type.name, type.version, JSON.parse(data)),
    } as unknown as RecordedEvent;
  };

  const expectPlace = (what: string, found: number | undefined, expected: number) => {
    if (found !== expected) throw damage(`${what} ${expected} is missing`);
  };

  /** Where to begin to walk down to a revision: at the head of its stream, or at a waymark that is nearer. */
  const wayTo = (ref: StreamRef, last: number): { revision: number; position: number } => {
    const head = { revision: headIn(ref), position: lastPositionIn(ref) };
    if (head.revision - last < waymarkEvery) return head;
    return (waymarkFrom.get(streamNumber(ref), last) as typeof head | undefined) ?? head;
  };

  /** Rows of a stream from revision `last` down to `first`: from each to the one before it. */
  const rowsOf = (ref: StreamRef, name: string, first: number, last: number): Row[] => {
    const stream = streamNumber(ref);
    const way = wayTo(ref, last);
    let position = way.position;
    for (let revision = way.revision; revision > last; revision -= 1) {
      const link = linkAt.get(position) as { stream: number; revision: number; before: number } | undefined;
      expectPlace(`${name} revision`, link?.stream === stream ? link.revision : undefined, revision);
      position = link!.before;
    }
    const rows: Row[] = [];
    for (let revision = last; revision >= first; revision -= 1) {
      const row = rowAt(position)[0];
      expectPlace(`${name} revision`, row?.[1] === stream ? row[2] : undefined, revision);
      rows.push(row!);
      position = row![10];
    }
    return rows;
  };

  return {
    types: (): readonly StoredType[] => typeRows.all() as StoredType[],

    /** The first record of a type that this build does not know, in the whole log; reads it all where there may be one. */
    firstUnknown: (): (StoredType & { readonly position: number }) | undefined => {
      for (const type of typeRows.all() as StoredType[]) {
        if (isKnown(type)) continue;
        const { position } = firstOfType.get(type.id) as { position: number | null };
        if (position !== null) return { ...type, position };
      }
      return undefined;
    },

    /** The position of the last record, 0 where there is none. */
    head: (): number => (lastRow.get() as { position: number | null }).position ?? 0,

    /** Ids and places of the records `first` to `last` (inclusive) of a stream, as a transaction at hand sees them. */
    places: (ref: StreamRef, first: number, last: number): Place[] =>
      rowsOf(ref, 'a stream', first, last)
        .reverse()
        .map(([position, , , id, , time]) => ({ id: unpack(id), position, time })),

    /** Records after a position, in order, at most `max`. */
    after: (position: number, max: number): RecordedEvent[] =>
      reading(`records after position ${position}`, () => {
        const rows = rowsAfter(position, max);
        rows.forEach((row, index) => {
          expectPlace('the record at position', row[0], position + 1 + index);
        });
        return rows.map(decode);
      }),

    /** The records `first` to `last` (inclusive, all of them there) of a stream, in the order asked for. */
    ofStream: (ref: StreamRef, name: string, first: number, last: number, backwards: boolean) =>
      reading(`${name} ${first} to ${last}`, (): RecordedEvent[] => {
        const rows = rowsOf(ref, name, first, last);
        return (backwards ? rows : rows.reverse()).map(decode);
      }),
  };
};

/** Writes a record into the transaction at hand; `before` is the position of the one before it in its stream, or 0. */
export const recordWriter = (db: DatabaseSync) => {
  const insert = db.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const mark = db.prepare('INSERT INTO waymarks VALUES (?, ?, ?)');
  const [packId, packCorrelation, packCausation] = [packer(), packer(), packer()];
  return (ref: StreamRef, record: RecordedEvent, typeId: number, data: string, before: number): void => {
    // `get` instead of `run`: there is no result to build, which `run` would do for each record.
    insert.get(
      record.position,
      streamNumber(ref),
      record.revision,
      packId(record.id),
      typeId,
      record.time,
      record.correlation === ref.owner.name ? null : packCorrelation(record.correlation),
      packCausation(record.causation),
      data,
      checksum(record, data),
      before,
    );
    if (record.revision > 0 && record.revision % waymarkEvery === 0)
      mark.get(streamNumber(ref), record.revision, record.position);
  };
};

/** Reads records, as `recordReader` makes it. */
export type RecordReader = ReturnType<typeof recordReader>;
