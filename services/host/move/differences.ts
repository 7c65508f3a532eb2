/** How many differences are named; all are counted. */
const namedMax = 20;

/** Collects what is not the same in the target. */
export const differences = () => {
  const named: string[] = [];
  let count = 0;
  return {
    /** Counts one; `undefined` is none. */
    add: (difference: string | undefined): void => {
      if (difference === undefined) return;
      count += 1;
      if (count <= namedMax) named.push(difference);
    },
    count: (): number => count,
    named: (): readonly string[] => named,
  };
};

/** Differences, as `differences` collects them. */
export type Differences = ReturnType<typeof differences>;
