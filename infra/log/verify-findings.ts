/**
 * What a check can find. `damage`: the log is not what was written. `drift`: something that follows from the log does
 * not agree with it. `unchecked`: this could not be judged. `note`: as it may be, and worth knowing.
 */
export const findingKinds = ['damage', 'drift', 'unchecked', 'note'] as const;
/** See `findingKinds`. */
export type FindingKind = (typeof findingKinds)[number];

/** One thing found. */
export type Finding = {
  readonly kind: FindingKind;
  /** Does not change: for programs. */
  readonly code: string;
  /** What it is about: a record, a stream, a row, a command. */
  readonly subject: string;
  /** A sentence that names position, stream, revision, row or key. */
  readonly detail: string;
};

/** How many findings of each kind there are, listed or not. */
export type FindingCounts = Readonly<Record<FindingKind, number>>;

/** The most findings of one kind that a check lists; the others are counted. */
const listedMax = 100;

/** Collects what one check finds: the first of each kind are listed, all are counted. */
export const findingList = () => {
  const counts = { damage: 0, drift: 0, unchecked: 0, note: 0 };
  const listed: Finding[] = [];
  return {
    add: (kind: FindingKind, code: string, subject: string, detail: string): void => {
      counts[kind] += 1;
      if (counts[kind] <= listedMax) listed.push({ kind, code, subject, detail });
    },
    /** Counts more of a kind without listing them. */
    count: (kind: FindingKind, more: number): void => {
      counts[kind] += more;
    },
    counts: (): FindingCounts => ({ ...counts }),
    listed: (): readonly Finding[] => listed,
  };
};

/** Collects findings, as `findingList` makes it. */
export type FindingList = ReturnType<typeof findingList>;

/** What an error says, whatever was thrown. */
export const textOf = (error: unknown): string => (error as Partial<Error> | null)?.message ?? String(error);
