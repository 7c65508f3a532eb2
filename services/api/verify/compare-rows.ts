import type { DatabaseSync } from 'node:sqlite';
import type { FindingList } from '@recourse/infra/log/verify-findings';
import type { Projection, TableSpec } from '@recourse/infra/project/projection';

/** The most differences of one table that are read: enough for the report to list as many as it may. */
const listedMax = 100;

/** The most characters of a value that a finding shows, and how many of them stand before the first that differs. */
const shownMax = 160;
const shownBefore = 40;

type Row = Readonly<Record<string, string>>;
type Sums = { readonly rows: number; readonly matched: number; readonly differing: number };

/** What the rows of a projection are compared in: `main` has what was folded now, `serving` what serves. */
export type Compared = {
  readonly db: DatabaseSync;
  readonly projection: Projection;
  readonly position: number;
  readonly findings: FindingList;
};

/** Compares every row of every table of a projection; returns how many rows were compared. */
export const compareRows = (compared: Compared): number =>
  Object.entries(compared.projection.tables)
    .map(([table, spec]) => compareTable(compared, table, spec))
    .reduce((sum, rows) => sum + rows, 0);

const compareTable = (compared: Compared, table: string, spec: TableSpec): number => {
  const { db, findings } = compared;
  const columns = Object.keys(spec.columns);
  const key = placeOf(spec);
  const on = key.map((column) => `s.${column} = f.${column}`).join(' and ');
  const others = columns.filter((column) => !key.includes(column));
  const differs = others.map((column) => `s.${column} is not f.${column}`).join(' or ') || 'false';
  const joined = `main.${table} f left join serving.${table} s on ${on}`;
  const found = `s.${key[0]} is not null`;

  const { rows, matched, differing } = db
    .prepare(
      `select count(*) as rows, count(s.${key[0]}) as matched, count(iif(${found} and (${differs}), 1, null)) as differing
       from ${joined}`,
    )
    .get() as Sums;
  const { serving } = db.prepare(`select count(*) as serving from serving.${table}`).get() as {
    serving: number;
  };
  const [missing, extra] = [rows - matched, serving - matched];

  const list = (sql: string, total: number, say: (row: Row) => void) => {
    if (total <= 0) return;
    const listed = db.prepare(`${sql} limit ${listedMax}`).all() as Row[];
    for (const row of listed) say(row);
    findings.count('drift', total - listed.length);
  };
  // As SQL writes them: whatever somebody has put into a column.
  const shown = (from: 'f' | 's') =>
    columns.map((column) => `quote(${from}.${column}) as ${from}_${column}`).join(', ');
  const say = sayRow(compared, table, key);
  list(
    `select ${shown('f')}, ${shown('s')} from ${joined} where ${found} and (${differs})`,
    differing,
    (row) => {
      say.differs(row, others);
    },
  );
  list(`select ${shown('f')} from ${joined} where not (${found})`, missing, say.isMissing);
  list(
    `select ${shown('s')} from serving.${table} s
     where not exists (select 1 from main.${table} f where ${on})`,
    extra,
    say.isExtra,
  );
  return Math.max(rows, serving);
};

/** What a row lies by in its table: its number, where it has one, else its key. */
const placeOf = ({ columns, key }: TableSpec): readonly string[] => {
  const number = Object.keys(columns).find((column) => columns[column] === 'integer primary key');
  return number === undefined ? key : [number];
};

const sayRow = ({ projection, position, findings }: Compared, table: string, key: readonly string[]) => {
  const nameOf = (row: Row, from: 'f' | 's') =>
    `${projection.name}.${table} ${key.map((column) => `${column}=${row[`${from}_${column}`]}`).join(' ')}`;
  const folded = `the fold of the log up to position ${position}`;
  const add = (code: string, row: string, detail: string) =>
    findings.add('drift', code, row, `row ${row}${detail}`);
  return {
    differs: (row: Row, columns: readonly string[]): void => {
      const values = columns
        .filter((column) => row[`f_${column}`] !== row[`s_${column}`])
        .map((column) => `${column} is ${contrast(row[`s_${column}`]!, row[`f_${column}`]!)}`);
      add('row-differs', nameOf(row, 'f'), `: ${values.join('; ')}, as ${folded} gives it`);
    },
    isMissing: (row: Row): void => add('row-missing', nameOf(row, 'f'), ` is missing: ${folded} gives it`),
    isExtra: (row: Row): void =>
      add('row-extra', nameOf(row, 's'), ` is there, and ${folded} does not give it`),
  };
};

/** A served value and the folded one, long ones cut to where they part. */
const contrast = (served: string, folded: string): string => {
  let parting = 0;
  while (parting < served.length && served[parting] === folded[parting]) parting += 1;
  const from = served.length + folded.length <= shownMax ? 0 : Math.max(0, parting - shownBefore);
  const cut = (text: string) =>
    `${from > 0 ? '…' : ''}${text.slice(from, from + shownMax)}${text.length > from + shownMax ? '…' : ''}`;
  return `${cut(served)}, not ${cut(folded)}`;
};
