import type { DatabaseSync } from 'node:sqlite';
import { type Packed, unpack } from './names.ts';
import { waymarkEvery } from './records.ts';
import { categoriesMax } from './streams.ts';
import { type FindingList, textOf } from './verify-findings.ts';
import { checkHeads, type Head, loseEnd, streamNames, type TablesChecked } from './verify-heads.ts';
import { isDamage } from './verify-rows.ts';

/** Runs a look at a table; what SQLite finds damaged there is a finding. */
const looking = (findings: FindingList, table: string, look: () => void): void => {
  try {
    look();
  } catch (error) {
    if (!isDamage(error)) throw error;
    findings.add('damage', 'table-unreadable', table, `the table ${table} cannot be read: ${textOf(error)}`);
  }
};

/** Pages, the order of rows, and that each index has what its table has. */
export const checkStructure = (db: DatabaseSync, findings: FindingList): void => {
  const say = (line: string) =>
    findings.add('damage', 'file-structure', 'log.db', `SQLite finds in log.db: ${line}`);
  try {
    const said = db.prepare('PRAGMA integrity_check').all() as { readonly integrity_check: string }[];
    for (const { integrity_check: line } of said) if (line !== 'ok') say(line);
  } catch (error) {
    if (!isDamage(error)) throw error;
    say(textOf(error));
  }
};

/**
 * Sees that `heads`, `owners` and `waymarks` fit the records that were checked: every stream's last record, and so
 * what the end of the log has lost. Returns how many streams there are.
 */
export const checkTables = (it: TablesChecked): number => {
  const { db, findings } = it;
  let streams = 0;
  looking(findings, 'heads', () => {
    loseEnd(it);
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
