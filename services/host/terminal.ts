import pc from 'picocolors';

/** What the command line writes for people: colours only on a terminal, and never where NO_COLOR is set. */

const coloured =
  process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb';

/** Colours, or none: each takes a text and gives it back, coloured on a terminal. */
export const colours = pc.createColors(coloured);

/** Writes a line to stdout. */
export const print = (line = ''): void => {
  process.stdout.write(`${line}\n`);
};

/** Writes a line to stderr: what went wrong, or what is besides the output. */
export const complain = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Writes a value as indented JSON to stdout. */
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** A cell of a table: its text, and how it is coloured once it has been padded. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

const textOf = (cell: Cell) => (typeof cell === 'string' ? cell : cell.text);

/**
 * A table as lines: columns as wide as their widest cell, two spaces between, `right` columns (by index) aligned to
 * the right. The first row is the head.
 */
export const tableLines = (rows: readonly (readonly Cell[])[], right: readonly number[] = []): string[] => {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, textOf(cell).length);
  }
  const pad = (cell: Cell, column: number, last: boolean) => {
    const text = textOf(cell);
    const width = widths[column] ?? 0;
    const padded = right.includes(column) ? text.padStart(width) : last ? text : text.padEnd(width);
    return typeof cell === 'string' ? padded : cell.paint(padded);
  };
  return rows.map((row, index) => {
    const line = row.map((cell, column) => pad(cell, column, column === row.length - 1)).join('  ');
    return index === 0 ? colours.bold(line) : line;
  });
};

/** A text made safe for a terminal: control characters, which could move the cursor or colour, become visible. */
export const visible = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
