import type { Verification, VerificationCheck } from '@recourse/contracts/http-verification';
import { colours, visible } from './terminal.ts';

/** A verification for people: what was looked at, what was found, and the verdict. */
export const verificationLines = (verification: Verification): string[] => {
  const { checks } = verification;
  const head = ['check', 'looked at', 'damage', 'drift', 'unchecked', 'notes'];
  const rows = checks.map((it) => [it.name, lookedText(it), ...kinds.map((kind) => countText(it, kind))]);
  return [...drawn([head, ...rows]), '', ...checks.flatMap(findingLines), verdictLine(verification)];
};

const kinds = ['damage', 'drift', 'unchecked', 'note'] as const;

/** The most findings of one check that are written out; all that are listed stand in the JSON. */
const findingsShownMax = 20;

const numberText = (value: number): string => value.toLocaleString('en-GB');

/** `lateAnswers` as people write it: late answers. */
const words = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const lookedText = ({ looked }: VerificationCheck): string =>
  Object.entries(looked)
    .filter(([, count], index) => index === 0 || count > 0)
    .map(([name, count]) => `${numberText(count)} ${words(name)}`)
    .join(', ');

const countText = ({ counts }: VerificationCheck, kind: (typeof kinds)[number]): string => {
  const count = counts[kind] ?? 0;
  return count === 0 ? '–' : numberText(count);
};

/** A table with lines around it; numbers, behind the second column, to the right. */
const drawn = (rows: readonly (readonly string[])[]): string[] => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const rule = (left: string, middle: string, right: string) =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right;
  const line = (row: readonly string[], paint: (text: string) => string) => {
    const cells = row.map((cell, column) => {
      const width = widths[column]!;
      return paint(column > 1 ? cell.padStart(width) : cell.padEnd(width));
    });
    return `│ ${cells.join(' │ ')} │`;
  };
  const [head, ...others] = rows;
  return [
    rule('┌', '┬', '┐'),
    line(head!, colours.bold),
    rule('├', '┼', '┤'),
    ...others.map((row) => line(row, String)),
    rule('└', '┴', '┘'),
  ];
};

const paints = {
  damage: colours.red,
  drift: colours.red,
  unchecked: colours.yellow,
  note: colours.dim,
} as const;

const findingLines = ({ name, counts, findings }: VerificationCheck): string[] => {
  if (findings.length === 0) return [];
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const shown = findings.slice(0, findingsShownMax);
  const more = all > shown.length ? [`  … of ${numberText(all)} in all; more with --json`] : [];
  const lines = shown.map(
    ({ kind, code, subject, detail }) =>
      `  ${paints[kind](kind)}  ${code}  ${visible(subject)}\n      ${visible(detail)}`,
  );
  return [colours.bold(name), ...lines, ...more, ''];
};

const verdictLine = ({ verdict, head, progress, startedAt, endedAt }: Verification): string => {
  const seconds = (Date.parse(endedAt ?? startedAt) - Date.parse(startedAt)) / 1_000;
  const looked = `${numberText(progress.events)} events up to position ${head}, in ${seconds.toFixed(1)} s (${numberText(progress.eventsPerSecond)} events/s)`;
  switch (verdict) {
    case 'clean':
      return colours.green(`Clean: ${looked}.`);
    case 'drift':
      return colours.red(`Drift: something does not agree with the log. ${looked}.`);
    case 'damage':
      return colours.red(`Damage: the log is not what was written; restore it from a backup. ${looked}.`);
    default:
      return colours.yellow(
        `Incomplete: nothing wrong was found, and not everything could be judged. ${looked}.`,
      );
  }
};
