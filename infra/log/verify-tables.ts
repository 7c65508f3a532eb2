import type { DatabaseSync } from 'node:sqlite';
import { type Packed, unpack } from './names.ts';
import { waymarkEvery } from './records.ts';
import { categoriesMax } from './streams.ts';
import { type FindingList, textOf } from './verify-findings.ts';
import type { Losses } from './verify-losses.ts';
import { isDamage } from './verify-rows.ts';

/** Owners whose heads are looked at in one transaction: a long one would keep the write-ahead log from shrinking. */
const ownersMax = 20_000;

/** What the tables beside the records are held against. */
export type TablesChecked = {
  readonly db: DatabaseSync;
  readonly findings: FindingList;
  readonly losses: Losses;
  /** Records up to this position were checked, so many of them were there, and so many should have a waymark. */
  readonly upTo: number;
  readonly records: number;
  readonly waymarks: number;
};

type Head = { readonly stream: number; readonly head: number; readonly position: number };
type Sums = { readonly heads: number; readonly records: number; readonly wrong: number };

/** Runs a look at a table; what SQLite finds damaged there is a finding. */
const looking = (findings: FindingList, table: string, look: () => void): void => {
  try {
    look();
  } catch (error) {
    if (!isDamage(error)) throw error;
    findings.add('damage', 'table-unreadable', table, `the table ${table} cannot be read: ${textOf(error)}`);
  }
};

/** SQLite's own look at the file: pages, the order of rows, and that each index has what its table has. */
export const checkStructure = (db: DatabaseSync, findings: FindingList): void =>
  looking(findings, 'log.db', () => {
    const said = db.prepare('PRAGMA integrity_check').all() as { readonly integrity_check: string }[];
    for (const { integrity_check: line } of said)
      if (line !== 'ok')
        findings.add('damage', 'file-structure', 'log.db', `SQLite finds in log.db: ${line}`);
  });

/**
 * Sees that `heads`, `owners` and `waymarks` fit the records that were checked: every stream's last record, and so
 * what the end of the log has lost. Returns how many streams there are.
 */
export const checkTables = (it: TablesChecked): number => {
  const { db, findings } = it;
  let streams = 0;
  looking(findings, 'heads', () => {
    streams = checkHeads(it);
  });
  looking(findings, 'owners', () => {
    const idle = db
      .prepare(
        `SELECT id, name FROM owners WHERE NOT EXISTS (SELECT 1 FROM heads
         WHERE stream BETWEEN id * ${categoriesMax} AND id * ${categoriesMax} + ${categoriesMax - 1})`,
      )
      .iterate() as Iterable<unknown> as Iterable<{ readonly id: number; readonly name: Packed }>;
    for (const { id, name } of idle)
      findings.add(
        'damage',
        'owner-without-stream',
        unpack(name),
        `owner ${id} (${unpack(name)}) has no stream`,
      );
  });
  looking(findings, 'waymarks', () => checkWaymarks(it));
  return streams;
};

const checkHeads = (it: TablesChecked): number => {
  const { db, findings, losses, upTo } = it;
  const nameOf = streamNames(db);
  const last = db.prepare('SELECT max(stream) AS stream FROM heads').get() as { stream: number | null };
  const range = `h.stream >= ? AND h.stream < ?`;
  const sums = db.prepare(
    `SELECT count(*) AS heads, total(h.head + 1) AS records,
       count(iif(r.stream IS NOT h.stream OR r.revision IS NOT h.head, 1, NULL)) AS wrong
     FROM heads h LEFT JOIN records r ON r.position = h.position WHERE ${range} AND h.position <= ?`,
  );
  const wrong = db.prepare(
    `SELECT h.stream, h.head, h.position FROM heads h LEFT JOIN records r ON r.position = h.position
     WHERE ${range} AND h.position <= ? AND (r.stream IS NOT h.stream OR r.revision IS NOT h.head)`,
  );
  const later = db.prepare(
    `SELECT h.stream, h.head, h.position FROM heads h WHERE ${range} AND h.position > ?`,
  );
  const behind = revisionBehind(db, upTo);
  let streams = 0;
  let records = 0;

  const say = ({ stream, head, position }: Head) => {
    const name = nameOf(stream);
    if (losses.isLost(position, name, head)) return;
    const says = `the table of heads says that ${name} ends with revision ${head} at position ${position}`;
    findings.add('damage', 'head-wrong', name, `${says}: no such record stands there`);
  };
  const take = (from: number, to: number) => {
    const sum = sums.get(from, to, upTo) as Sums;
    streams += sum.heads;
    records += sum.records;
    if (sum.wrong > 0) for (const head of wrong.all(from, to, upTo) as Head[]) say(head);
    for (const head of later.all(from, to, upTo) as Head[]) {
      const revision = behind(head);
      if (revision === undefined) {
        say(head);
        records += head.head + 1;
      } else if (revision >= 0) {
        streams += 1;
        records += revision + 1;
      }
    }
  };

  const step = ownersMax * categoriesMax;
  for (let from = 0; from <= (last.stream ?? -1); from += step) {
    db.exec('BEGIN');
    try {
      take(from, from + step);
    } finally {
      db.exec('COMMIT');
    }
  }
  if (records !== it.records + losses.count()) compareStreams(it, nameOf);
  return streams;
};

/**
 * Where a stream's head stands behind the records that were checked: its last revision up to there (−1 for none), by
 * walking back. Undefined where the way is broken.
 */
const revisionBehind = (db: DatabaseSync, upTo: number) => {
  const linkAt = db.prepare('SELECT stream, revision, before FROM records WHERE position = ?');
  return ({ stream, head, position }: Head): number | undefined => {
    let [revision, at] = [head, position];
    while (at > upTo) {
      const link = linkAt.get(at) as { stream: number; revision: number; before: number } | undefined;
      if (link?.stream !== stream || link.revision !== revision || link.before >= at) return undefined;
      revision -= 1;
      at = link.before;
    }
    return revision;
  };
};

/** The heads and the records do not add up: finds the streams, by counting the records of each. */
const compareStreams = (
  { db, findings, losses, upTo }: TablesChecked,
  nameOf: (stream: number) => string,
) => {
  const counted = db
    .prepare(
      `SELECT r.stream, r.records, r.last, h.head FROM
         (SELECT stream, count(*) AS records, max(revision) AS last, max(position) AS position
          FROM records WHERE position <= ? GROUP BY stream) r
       LEFT JOIN heads h ON h.stream = r.stream
       WHERE h.head IS NULL OR h.head < r.last OR r.records <> r.last + 1`,
    )
    .iterate(upTo) as Iterable<unknown> as Iterable<{
    readonly stream: number;
    readonly records: number;
    readonly last: number;
    readonly head: number | null;
  }>;
  for (const { stream, records, last, head } of counted) {
    const name = nameOf(stream);
    const holds = `the log holds ${records} records of ${name}, the last of revision ${last}`;
    if (head === null)
      findings.add('damage', 'head-missing', name, `${holds}: the table of heads does not know it`);
    else if (head < last)
      findings.add(
        'damage',
        'head-wrong',
        name,
        `${holds}: the table of heads ends it with revision ${head}`,
      );
    else if (losses.count() === 0) findings.add('damage', 'stream-broken', name, holds);
  }
};

/** Names of streams by their numbers, as far as there are any: for findings only. */
const streamNames = (db: DatabaseSync) => {
  const owner = db.prepare('SELECT name FROM owners WHERE id = ?');
  const category = db.prepare('SELECT name FROM categories WHERE id = ?');
  return (stream: number): string => {
    const whose = owner.get(Math.floor(stream / categoriesMax)) as { name: Packed } | undefined;
    const what = category.get(stream % categoriesMax) as { name: string } | undefined;
    if (whose === undefined || what === undefined) return `stream number ${stream}`;
    return `${what.name}-${unpack(whose.name)}`;
  };
};

/** Every waymark leads to its record, and there are no others. Those that are missing were met with their records. */
const checkWaymarks = ({ db, findings, losses, upTo, waymarks }: TablesChecked) => {
  const { marks } = db.prepare('SELECT count(*) AS marks FROM waymarks WHERE position <= ?').get(upTo) as {
    readonly marks: number;
  };
  if (marks === waymarks) return;
  const nameOf = streamNames(db);
  const wrong = db
    .prepare(
      `SELECT w.stream, w.revision AS head, w.position FROM waymarks w LEFT JOIN records r ON r.position = w.position
       WHERE w.position <= ? AND
         (r.stream IS NOT w.stream OR r.revision IS NOT w.revision OR w.revision % ${waymarkEvery} <> 0)`,
    )
    .iterate(upTo) as Iterable<unknown> as Iterable<Head>;
  for (const { stream, head, position } of wrong) {
    const name = nameOf(stream);
    if (losses.isLost(position, name, head)) continue;
    const says = `a waymark says that revision ${head} of ${name} stands at position ${position}`;
    findings.add('damage', 'waymark-wrong', `${name} revision ${head}`, `${says}: it does not`);
  }
};
