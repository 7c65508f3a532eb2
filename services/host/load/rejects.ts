import { colours, visible } from '../terminal.ts';
import { type Invoices, rowFaults } from './invoices.ts';

const rejectsShownMax = 20;

/** The rows that were dropped, the first of them at least. */
export const rejectLines = ({ rejects }: Invoices): string[] => [
  ...rejects
    .slice(0, rejectsShownMax)
    .map(({ line, invoice, reason }) =>
      colours.dim(
        `  line ${line}${invoice === '' ? '' : `, invoice ${visible(invoice)}`}: ${rowFaults[reason]} (${reason})`,
      ),
    ),
  ...(rejects.length > rejectsShownMax
    ? [colours.dim(`  … and ${rejects.length - rejectsShownMax} more: --rejects <file> writes them all`)]
    : []),
];

/** One line for each dropped row, with a head: line, invoice, reason. */
export const rejectsCsv = ({ rejects }: Invoices): string =>
  [
    'line,invoice,reason',
    ...rejects.map(({ line, invoice, reason }) => `${line},${quoted(invoice)},${reason}`),
    '',
  ].join('\n');

const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
