import type { DatabaseSync } from 'node:sqlite';
import { type Packed, unpack } from './names.ts';
import { categoriesMax } from './streams.ts';
import type { FindingList } from './verify-findings.ts';
import type { Losses } from './verify-losses.ts';

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

/** A row of the table of heads, or a waymark: a revision of a stream and where it stands. */
export type Head = { readonly stream: number; readonly head: number; readonly position: number };
type Sums = { readonly heads: number; readonly records: number; readonly wrong: number };

/** Records behind the last that is there: lost where the heads know exactly so many more. */
export const loseEnd = ({ db, losses }: TablesChecked): void => {
  const { records, heads, known } = db
    .prepare(
      `SELECT (SELECT max(position) FROM records) AS records, max(position) AS heads, total(head + 1) AS known
       FROM heads`,
    )
    .get() as { readonly records: number | null; readonly heads: number | null; readonly known: number };
  const last = records ?? 0;
  if (heads !== null && heads > last && heads === known) losses.add(last + 1, heads);
};

/**
 * Sees that every stream's head is its last record, and that all of them together are as many records as there are.
 * Returns how many streams there are.
 */
export const checkHeads = (it: TablesChecked): number => {
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
export const streamNames = (db: DatabaseSync) => {
  const owner = db.prepare('SELECT name FROM owners WHERE id = ?');
  const category = db.prepare('SELECT name FROM categories WHERE id = ?');
  return (stream: number): string => {
    const whose = owner.get(Math.floor(stream / categoriesMax)) as { name: Packed } | undefined;
    const what = category.get(stream % categoriesMax) as { name: string } | undefined;
    if (whose === undefined || what === undefined) return `stream number ${stream}`;
    return `${what.name}-${unpack(whose.name)}`;
  };
};
