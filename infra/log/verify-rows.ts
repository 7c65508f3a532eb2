import type { DatabaseSync } from 'node:sqlite';
import { type Packed, unpack } from './names.ts';
import { textOf } from './verify-findings.ts';

/** A row of the records as it stands in the file, whatever it holds: nothing of it has been checked. */
export type RawRecord = {
  readonly position: number;
  readonly stream: number;
  readonly revision: number;
  readonly id: string;
  readonly type: number;
  readonly time: number;
  /** Null where it is the stream's owner. */
  readonly correlation: string | null;
  readonly causation: string;
  readonly data: string;
  readonly crc: number;
  readonly before: number;
};

/** A position whose row SQLite, or this process, cannot read. */
export type Unreadable = { readonly position: number; readonly why: string };

/** Some rows in the order of their positions, and what could not be read among them. */
export type RawRows = { readonly rows: readonly RawRecord[]; readonly unreadable: readonly Unreadable[] };

/**
 * SQLite's codes (https://sqlite.org/rescode.html) for a file that is not what it was: SQLITE_ERROR (a table is not there
 * that every log has), SQLITE_IOERR (a bad sector), SQLITE_CORRUPT, SQLITE_NOTADB.
 */
const damaged = new Set([1, 10, 11, 26]);

/** Whether an error says that the file is damaged: of SQLite's, or a number beyond what a record ever holds. */
export const isDamage = (error: unknown): boolean => {
  const { code, errcode = 0 } = error as { readonly code?: string; readonly errcode?: number };
  return code === 'ERR_OUT_OF_RANGE' || (code === 'ERR_SQLITE_ERROR' && damaged.has(errcode & 0xff));
};

type Usual = [
  position: number,
  stream: number,
  revision: number,
  type: number,
  time: number,
  crc: number,
  before: number,
  data: string,
  ids: string | null,
  correlation: string | null,
];

type Unusual = { readonly id: Packed; readonly correlation: Packed | null; readonly causation: Packed };

const numbers = 'position, stream, revision, type, time, crc, before';

/** Ids as hexadecimal text: a BLOB each would cost as much as all the rest. */
const usual = `${numbers}, data,
  CASE WHEN typeof(id) = 'blob' AND typeof(causation) = 'blob' THEN lower(hex(id || causation)) END,
  CASE WHEN correlation IS NULL THEN NULL WHEN typeof(correlation) = 'blob' THEN lower(hex(correlation)) ELSE '' END`;

/** The UUID whose 32 digits stand at an offset. */
const uuidAt = (hex: string, at: number): string =>
  `${hex.slice(at, at + 8)}-${hex.slice(at + 8, at + 12)}-${hex.slice(at + 12, at + 16)}-${hex.slice(at + 16, at + 20)}-${hex.slice(at + 20, at + 32)}`;

/** Reads rows of the records, one window of positions after the other. */
export const rawRows = (db: DatabaseSync) => {
  const window = db.prepare(
    `SELECT ${usual} FROM records WHERE position > ? AND position <= ? ORDER BY position`,
  );
  window.setReturnArrays(true);
  const one = db.prepare(`SELECT ${usual} FROM records WHERE position = ?`);
  one.setReturnArrays(true);
  const idsOf = db.prepare('SELECT id, correlation, causation FROM records WHERE position = ?');
  const nextPosition = db.prepare('SELECT min(position) AS position FROM records WHERE position > ?');

  /** Ids that are no UUIDs, or no ids at all; a row that cannot be found again has none. */
  const unusual = (row: Usual): RawRecord => {
    const ids = idsOf.get(row[0]) as Unusual | undefined;
    const text = (it: Packed | null | undefined) =>
      it instanceof Uint8Array || typeof it === 'string' ? unpack(it) : String(it);
    return rawRecord(row, {
      id: text(ids?.id),
      correlation: ids?.correlation === null ? null : text(ids?.correlation),
      causation: text(ids?.causation),
    });
  };

  const decode = (row: Usual): RawRecord => {
    const ids = row[8];
    const correlation = row[9];
    if (ids?.length !== 64 || (correlation !== null && correlation.length !== 32)) return unusual(row);
    return rawRecord(row, {
      id: uuidAt(ids, 0),
      correlation: correlation === null ? null : uuidAt(correlation, 0),
      causation: uuidAt(ids, 32),
    });
  };

  /** Row by row, where a window cannot be read as a whole. */
  const oneByOne = (after: number, upTo: number): RawRows => {
    const rows: RawRecord[] = [];
    const unreadable: Unreadable[] = [];
    for (let position = after + 1; position <= upTo; position += 1) {
      try {
        const row = one.get(position) as unknown as Usual | undefined;
        if (row !== undefined) rows.push(decode(row));
      } catch (error) {
        if (!isDamage(error)) throw error;
        unreadable.push({ position, why: textOf(error) });
      }
    }
    return { rows, unreadable };
  };

  return {
    /** The rows after a position, up to another. Throws only where the file cannot be read for now. */
    read: (after: number, upTo: number): RawRows => {
      try {
        const rows = window.all(after, upTo) as unknown as Usual[];
        // A row whose position has changed can hide those behind it from who reads on, but hardly from who looks them up.
        if (rows.length === upTo - after) return { rows: rows.map(decode), unreadable: [] };
      } catch (error) {
        if (!isDamage(error)) throw error;
      }
      return oneByOne(after, upTo);
    },

    /** The row at a position, `undefined` where there is none. Throws what SQLite does. */
    at: (position: number): RawRecord | undefined => {
      const row = one.get(position) as unknown as Usual | undefined;
      return row && decode(row);
    },

    /** The first position after one, `undefined` where there is none. Throws what SQLite does. */
    next: (after: number): number | undefined =>
      (nextPosition.get(after) as { position: number | null }).position ?? undefined,
  };
};

const rawRecord = (
  [position, stream, revision, type, time, crc, before, data]: Usual,
  { id, correlation, causation }: Pick<RawRecord, 'id' | 'correlation' | 'causation'>,
): RawRecord => ({
  position,
  stream,
  revision,
  id,
  type,
  time,
  correlation,
  causation,
  data,
  crc,
  before,
});
