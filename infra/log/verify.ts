import type { DatabaseSync } from 'node:sqlite';
import { checksum } from './checksum.ts';
import { openDatabaseToRead } from './database.ts';
import { categoriesMax } from './streams.ts';
import { type FindingList, textOf } from './verify-findings.ts';
import {
  type HistoryOf,
  historyReader,
  type Names,
  namesOf,
  type SoundRecord,
  soundRecord,
} from './verify-history.ts';
import { type Losses, losses } from './verify-losses.ts';
import { isDamage, type RawRecord, rawRows } from './verify-rows.ts';
import { asFarAsReadable, type OwnerTails, ownerTable, streamCheck } from './verify-streams.ts';
import { checkStructure, checkTables } from './verify-tables.ts';

/** Who checks what the records mean, besides. */
export type RecordsHeard = {
  /** Whether records of a type are wanted. */
  readonly hears: (type: string) => boolean;
  readonly onRecord: (record: SoundRecord) => void;
  /** Something of this owner's streams is lost or changed: or of a version that this build does not know: what follows from it cannot be judged. */
  readonly onLost: (ownerId: number) => void;
  /** How far it is, every some hundred positions. */
  readonly onProgress: (position: number) => void;
  /** After the last record, while histories can still be read. */
  readonly onEnd: () => void;
};

/** What was looked at. */
export type LogLooked = { readonly records: number; readonly streams: number };

/** Rows read at a time: few enough that none of them outlives a young generation of the heap. */
const windowMax = 512;

/**
 * The position of the log's last record. A table of records whose end cannot be read is as long as its heads say.
 * Throws a `StartError` where the file is no log of this version, and what SQLite throws where nothing can be read.
 */
export const headToVerify = (path: string): number => {
  const db = openDatabaseToRead(path);
  try {
    const head = (table: string) =>
      (db.prepare(`SELECT max(position) AS head FROM ${table}`).get() as { head: number | null }).head ?? 0;
    return asFarAsReadable(() => head('records')) ?? head('heads');
  } finally {
    db.close();
  }
};

/**
 * SQLite's own look at the file, which says where pages and indexes are not what they were: beside `verifyLog`, which
 * finds what that means for the records. For a thread of its own, too.
 */
export const verifyStructure = (path: string, findings: FindingList): void => {
  const db = openDatabaseToRead(path);
  try {
    checkStructure(db, findings);
  } finally {
    db.close();
  }
};

const sayUnreadable = (error: unknown, findings: FindingList) =>
  findings.add('damage', 'file-unreadable', 'log.db', `log.db cannot be read on: ${textOf(error)}`);

/**
 * Checks the log up to a position, beside its writer or where there is none: each record against its checksum, gaps,
 * every stream's revisions, times, and the tables that stand beside the records. Runs to its end before it returns:
 * for a thread of its own. Memory does not grow with the log: of so many owners at least it is remembered how far their
 * streams have come. Throws where the file cannot be read for now.
 */
export const verifyLog = (
  path: string,
  upTo: number,
  findings: FindingList,
  listen: (historyOf: HistoryOf) => RecordsHeard,
  ownersCachedMax?: number,
): LogLooked => {
  const db = openDatabaseToRead(path);
  try {
    const names = namesOf(db, findings);
    const heard = listen(historyReader(db, names));
    const lost = losses(findings);
    const { records, waymarks } = checkRecords({
      db,
      upTo,
      findings,
      lost,
      names,
      heard,
      ownersCachedMax,
    });
    heard.onEnd();
    const streams = checkTables({ db, findings, losses: lost, upTo, records, waymarks });
    lost.sayRest();
    return { records, streams };
  } catch (error) {
    if (!isDamage(error)) throw error;
    sayUnreadable(error, findings);
    return { records: 0, streams: 0 };
  } finally {
    db.close();
  }
};

type Checking = {
  readonly db: DatabaseSync;
  readonly upTo: number;
  readonly findings: FindingList;
  readonly lost: Losses;
  readonly names: Names;
  readonly heard: RecordsHeard;
  readonly ownersCachedMax: number | undefined;
};

const checkRecords = (checking: Checking) => {
  const { db, upTo, findings, lost, heard } = checking;
  const rows = rawRows(db);
  const streams = streamCheck(db, findings, lost, heard.onLost);
  const take = recordCheck(checking, streams.take);
  let after = 0;
  let records = 0;

  /** Goes on where something stands again: a gap may be longer than the log. */
  const skipGap = () => {
    const next = asFarAsReadable(() => rows.next(after) ?? upTo + 1) ?? after + 1;
    if (next <= after + windowMax) return;
    const last = Math.min(next - 1, upTo);
    lost.add(after + 1, last);
    after = last;
  };

  const takeWindow = (last: number) => {
    const window = rows.read(after, last);
    const unreadable = new Map(window.unreadable.map(({ position, why }) => [position, why]));
    let expected = after + 1;
    const loseUpTo = (end: number) => {
      for (; expected < end; expected += 1) lost.add(expected, expected, unreadable.get(expected));
    };
    for (const row of window.rows) {
      loseUpTo(row.position);
      take(row);
      expected = row.position + 1;
    }
    loseUpTo(last + 1);
    records += window.rows.length;
  };

  while (after < upTo) {
    skipGap();
    const last = Math.min(after + windowMax, upTo);
    if (last > after) takeWindow(last);
    after = last;
    heard.onProgress(after);
  }
  return { records, waymarks: streams.waymarks() };
};

type TakeInStream = ReturnType<typeof streamCheck>['take'];

/** Checks one record after the other: what it is, its checksum, its place in its stream, its time. */
const recordCheck = (
  { db, findings, lost, names, heard: { hears, onRecord, onLost }, ownersCachedMax }: Checking,
  takeInStream: TakeInStream,
) => {
  const { types, categories } = names;
  const ownerOf = ownerTable(db, ownersCachedMax);
  const heard = new Set([...types.values()].filter(({ name, known }) => known && hears(name)));
  let time = 0;

  const changed = (row: RawRecord, owner: OwnerTails | undefined, what: string) => {
    findings.add('damage', 'record-changed', `position ${row.position}`, `record ${row.position} ${what}`);
    lost.addChanged(row.position);
    if (owner !== undefined) onLost(owner.id);
  };

  const checkTime = ({ position, time: stamped }: RawRecord, what: () => string) => {
    if (stamped < time) {
      const times = `is of ${stamped} ms, the one before it of ${time} ms`;
      const detail = `record ${position} (${what()}) ${times}: times never decrease`;
      findings.add('damage', 'time-decreased', `position ${position}`, detail);
    }
    time = stamped;
  };

  return (row: RawRecord): void => {
    const type = types.get(row.type);
    const category = categories.get(row.stream % categoriesMax);
    const owner = ownerOf(Math.floor(row.stream / categoriesMax));
    if (type === undefined || category === undefined || owner === undefined) {
      const missing = type === undefined ? `type ${row.type}` : `stream number ${row.stream}`;
      changed(row, owner, `is of ${missing}, which the log does not name`);
      return;
    }
    const stream = `${category}-${owner.name}`;
    const { revision, id, time, causation, data } = row;
    const correlation = row.correlation ?? owner.name;
    const named = { stream, revision, id, type: type.name, version: type.version };
    const sound = checksum({ ...named, time, correlation, causation }, data) === row.crc;
    takeInStream(row, owner, stream, sound);
    const what = () => `${stream} revision ${revision}, ${type.name}`;
    if (!sound) {
      changed(row, owner, `(${what()}) does not match its checksum`);
      return;
    }
    checkTime(row, what);
    if (!type.known) {
      const detail = `record ${row.position} (${what()}) is of version ${type.version}, which this Recourse does not know: start a newer one`;
      findings.add('unchecked', 'unknown-version', `position ${row.position}`, detail);
      onLost(owner.id);
    }
    if (heard.has(type)) onRecord(soundRecord(row, owner, category, type));
  };
};
