/** One who competes for pieces of a kind: how many it holds, and how many it could do now. */
export type Competitor = { readonly owner: string; readonly held: number; readonly able: number };

/** What is one competitor's of all pieces. */
export type Share = {
  /** How many it may hold. */
  readonly atMost: number;
  /** It holds one that somebody else should have. */
  readonly tooMuch: boolean;
  /** How many pieces nobody holds, as far as is known. */
  readonly free: number;
};

/**
 * One competitor's share: equal for all, but that nobody gets more than it could do. So many is rounded up, or down where
 * somebody has less than that. What nobody else could do may be kept and taken by who could not do it either: it is to
 * stay where it is, and is not to be nobody's.
 */
export const fairShare = (pieces: number, me: Competitor, others: readonly Competitor[]): Share => {
  const level = levelOf(
    pieces,
    [me, ...others].map(({ able }) => able),
  );
  const [least, most] = [Math.floor(level), Math.ceil(level)];
  const rest = pieces - sum(others.map(({ able }) => able));
  const atMost = Math.max(Math.min(most, me.able), rest, 0);
  const atLeast = Math.max(Math.min(least, me.able), rest, 0);
  const poor = others.some(({ held, able }) => held < Math.min(least, able));
  return {
    atMost,
    tooMuch: me.held > atMost || (me.held > atLeast && poor),
    free: pieces - me.held - sum(others.map(({ held }) => held)),
  };
};

/** How many each has who could do more than that, when the others have all that they could do. */
const levelOf = (pieces: number, able: readonly number[]): number => {
  let [left, among] = [pieces, able.length];
  for (const some of able.toSorted((one, other) => one - other)) {
    if (some > left / among) break;
    left -= some;
    among -= 1;
  }
  return among === 0 ? pieces : left / among;
};

const sum = (numbers: readonly number[]): number => numbers.reduce((one, other) => one + other, 0);
