import { DamagedError } from '../errors.ts';
import type { ForeignRecord } from '../eventstore/import.ts';
import { checksum } from './checksum.ts';
import { openDatabaseToRead } from './database.ts';
import { splitStream } from './names.ts';
import type { StoredType } from './records.ts';
import { streamNames } from './verify-heads.ts';
import { rawRows } from './verify-rows.ts';

/** The records of a log that nobody writes, as they are stored: for who copies it elsewhere. */
export type RecordSource = {
  /** The position of the last record, 0 where there is none. */
  head(): number;
  /** The records after a position, in order, at most `max`: the first is the one at the next position. Throws `DamagedError`. */
  read(after: number, max: number): readonly ForeignRecord[];
  /** Every stream with the revision of its last record. */
  heads(): Iterable<{ readonly stream: string; readonly revision: number }>;
  close(): void;
};

/** Names of streams that are kept in memory: those of one order come near each other. */
const namesMax = 20_000;

/** Opens the file of a log to copy it. Throws as `openDatabaseToRead` does. */
export const openRecordSource = (path: string): RecordSource => {
  const db = openDatabaseToRead(path);
  const rows = rawRows(db);
  const nameOf = remembered(streamNames(db));
  const stored = db.prepare('SELECT id, name, version FROM types').all() as unknown as StoredType[];
  const types = new Map(stored.map((it) => [it.id, it]));
  const headRow = db.prepare('SELECT max(position) AS head FROM records');
  const headRows = db.prepare('SELECT stream, head FROM heads ORDER BY stream');
  const head = () => (headRow.get() as { head: number | null }).head ?? 0;

  const damage = (position: number, why: string) =>
    new DamagedError(`the log is damaged: record ${position} ${why}; restore it from a backup`);

  return {
    head,
    read: (after, max) => {
      const upTo = Math.min(head(), after + max);
      const found = upTo > after ? rows.read(after, upTo).rows : [];
      if (found.length < upTo - after) throw damage(missing(found, after), 'is missing, or cannot be read');
      return found.map(({ position, stream, type, data, correlation, crc, ...row }) => {
        const name = nameOf(stream);
        const known = types.get(type);
        if (known === undefined) throw damage(position, `(${name} ${row.revision}) has no type`);
        const record = {
          stream: name,
          revision: row.revision,
          id: row.id,
          type: known.name,
          version: known.version,
          time: row.time,
          correlation: correlation ?? splitStream(name).key,
          causation: row.causation,
        };
        if (checksum(record, data) !== crc)
          throw damage(position, `(${name} ${row.revision}, ${known.name}) does not match its checksum`);
        return { ...record, json: data };
      });
    },
    *heads() {
      for (const row of headRows.iterate()) {
        const { stream, head: revision } = row as unknown as { stream: number; head: number };
        yield { stream: nameOf(stream), revision };
      }
    },
    close: () => db.close(),
  };
};

/** The first position after one that is not among those found. */
const missing = (found: readonly { readonly position: number }[], after: number): number => {
  const gap = found.findIndex(({ position }, index) => position !== after + 1 + index);
  return after + 1 + (gap < 0 ? found.length : gap);
};

const remembered = (nameOf: (stream: number) => string) => {
  const names = new Map<number, string>();
  return (stream: number): string => {
    const known = names.get(stream);
    if (known !== undefined) return known;
    if (names.size >= namesMax) names.clear();
    const name = nameOf(stream);
    names.set(stream, name);
    return name;
  };
};
