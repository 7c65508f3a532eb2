import type { FindingList } from './verify-findings.ts';

/** The most ranges of positions that are remembered, and the most positions of them that are named. */
const rangesMax = 10_000;
const namedMax = 100_000;

/** Positions, both included, whose records are not there or cannot be read. */
type Range = { readonly from: number; readonly to: number; readonly why: string | undefined };

/**
 * Records that the log has lost. What a lost record was is known only from those that point at it, later in its
 * stream, from `heads` or from `waymarks`: so they are named then, and the others at the end.
 */
export const losses = (findings: FindingList) => {
  const ranges: Range[] = [];
  const named = new Set<number>();
  /** Records that are there and are not what was written: whoever points at one of them may be right. */
  const changed = new Set<number>();
  let positions = 0;

  const rangeOf = (position: number) => ranges.find(({ from, to }) => from <= position && position <= to);

  const say = (from: number, to: number, what: string, why: string | undefined) => {
    const subject = from === to ? `position ${from}` : `positions ${from} to ${to}`;
    const records = from === to ? `record ${from}${what} ` : `records ${from} to ${to} `;
    if (why === undefined)
      findings.add('damage', 'record-missing', subject, `${records}${from === to ? 'is' : 'are'} missing`);
    else findings.add('damage', 'record-unreadable', subject, `${records}cannot be read: ${why}`);
  };

  return {
    /** Notes that the records of these positions are lost; `why` where they are there and cannot be read. */
    add: (from: number, to: number, why?: string): void => {
      positions += to - from + 1;
      const last = ranges.at(-1);
      if (last?.to === from - 1 && last.why === why) ranges[ranges.length - 1] = { ...last, to };
      else if (ranges.length < rangesMax) ranges.push({ from, to, why });
      else say(from, to, '', why);
    },

    /** Notes a record that does not match its checksum. */
    addChanged: (position: number): void => {
      if (changed.size < namedMax) changed.add(position);
    },

    /** Whether what stood at a position is lost. Says which record that was, when it is first heard. */
    isLost: (position: number, stream: string, revision: number): boolean => {
      if (changed.has(position)) return true;
      const range = rangeOf(position);
      if (range === undefined) return false;
      if (named.has(position) || named.size >= namedMax) return true;
      named.add(position);
      say(position, position, ` (${stream} revision ${revision})`, range.why);
      return true;
    },

    /** How many positions are lost. */
    count: (): number => positions,

    /** Says what nobody has pointed at. */
    sayRest: (): void => {
      for (const { from, to, why } of ranges) {
        let first = from;
        for (const position of [...named].filter((it) => from <= it && it <= to).sort((a, b) => a - b)) {
          if (position > first) say(first, position - 1, '', why);
          first = position + 1;
        }
        if (first <= to) say(first, to, '', why);
      }
    },
  };
};

/** Records lost, as `losses` makes it. */
export type Losses = ReturnType<typeof losses>;
