/**
 * Lines of several writers, group by group: the first group that has not ended is written as it comes, the others are
 * kept until it is their turn.
 */
export const groupedLines = (groups: readonly string[], write: (group: string, line: string) => void) => {
  const kept = new Map(groups.map((group): [string, string[]] => [group, []]));
  const ended = new Set<string>();
  let turn = 0;

  const moveOn = () => {
    while (turn < groups.length) {
      const group = groups[turn] as string;
      for (const line of kept.get(group)?.splice(0) ?? []) write(group, line);
      if (!ended.has(group)) return;
      turn += 1;
    }
  };

  return {
    line: (group: string, line: string): void => {
      kept.get(group)?.push(line);
      if (groups[turn] === group) moveOn();
    },
    end: (group: string): void => {
      ended.add(group);
      moveOn();
    },
  };
};
