import type { ColumnType, ProjectionRows } from '@recourse/contracts/http-rows';
import { type Cell, colours, tableLines, visible } from '../terminal.ts';

/** The most characters of one cell; what is longer ends in an ellipsis. */
const cellMax = 60;

/** Rows as a table for people, with what they are and of when below it. */
export const rowsLines = (answer: ProjectionRows, now: boolean): string[] => {
  const { columns, rows, nextCursor } = answer;
  const head = columns.map(({ name }) => name);
  const right = columns.flatMap(({ type }, index) => (type === 'integer' ? [index] : []));
  const cells = rows.map((row) => columns.map(({ name, type }) => cellOf(type, row[name])));
  return [
    ...(rows.length === 0 ? [] : [...tableLines([head, ...cells], right), '']),
    summaryOf(answer, now),
    ...(nextCursor === null ? [] : [`There is more: --limit, or --cursor ${nextCursor}`]),
  ];
};

const none: Cell = { text: '–', paint: colours.dim };

const cellOf = (type: ColumnType, value: unknown): Cell => {
  if (value === null || value === undefined) return none;
  if (type === 'time') return timeText(String(value));
  const text = visible(type === 'json' ? JSON.stringify(value) : String(value));
  return text.length > cellMax ? `${text.slice(0, cellMax - 1)}…` : text;
};

/** `2026-01-31 12:00:00.000`: in UTC, which the head of the table need not repeat. */
const timeText = (time: string) => time.replace('T', ' ').replace('Z', '');

const summaryOf = ({ projection, table, asOf, rows }: ProjectionRows, now: boolean): string => {
  const what = table === projection ? projection : `${projection}, table ${table}`;
  const count = `${rows.length === 0 ? 'No' : rows.length} row${rows.length === 1 ? '' : 's'} of ${what}`;
  if (asOf.time === null && Number(asOf.position) === 0)
    return now
      ? `${count}: nothing has happened yet.`
      : `${count}: nothing was known then, the log begins later.`;
  const when = asOf.time === null ? '' : `, ${timeText(asOf.time)} UTC`;
  return `${count} ${now ? 'now, at' : 'as of'} position ${asOf.position}${when}.`;
};
