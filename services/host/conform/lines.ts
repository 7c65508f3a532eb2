import type { Foreign } from '@recourse/contracts/answers';
import { colours, tableLines, visible } from '../terminal.ts';
import type { Conformance } from './conform.ts';
import { promises } from './promises.ts';

/** What came of a try, for people: a table of all that was tried, then each promise that was broken, by name. */
export const conformanceLines = (
  participant: Foreign,
  { checks, answers, medianMs, slowestMs }: Conformance,
): string[] => {
  const broken = [...new Set(checks.filter(({ kept }) => !kept).map(({ promise }) => promise))];
  const rows = checks.map(({ promise, command, kept, detail }) => [
    kept ? { text: 'kept', paint: colours.green } : { text: 'broken', paint: colours.red },
    promise,
    command ?? 'all',
    visible(detail),
  ]);
  const times = medianMs === null ? '' : `; median ${medianMs} ms, slowest ${slowestMs} ms`;
  return [
    ...tableLines([['', 'promise', 'with', 'seen'], ...rows]),
    '',
    `${answers} answers${times}.`,
    broken.length === 0
      ? colours.green(`${participant} keeps every promise.`)
      : colours.red(`${participant} breaks ${broken.length} of ${Object.keys(promises).length} promises:`),
    ...broken.map((name) => `  ${name}: ${promises[name]}.`),
  ];
};
