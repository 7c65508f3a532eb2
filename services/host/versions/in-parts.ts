import { Migration, MigrationPlan } from '@recourse/contracts/http-versions';
import type { Client } from '../client.ts';
import { progressBar } from '../progress-bar.ts';

/** How many sagas one call looks at, where nothing is said: a second's work, so that the bar moves. */
const partDefault = 500;

/** How a command goes through all open sagas. */
export type Going = {
  /** No bar. */
  readonly quiet: boolean;
  readonly batch?: number | undefined;
};

/** The whole plan, asked for part by part. */
export const planned = async (client: Client, to: number, going: Going): Promise<MigrationPlan> => {
  const parts = await allParts(going, async (limit, cursor) => {
    const behind = cursor === null ? '' : `&cursor=${cursor}`;
    const { body } = await client.ask('GET', `/versions/plan?to=${to}&limit=${limit}${behind}`);
    return MigrationPlan.parse(body);
  });
  return {
    ...parts[0]!,
    ...sumOf(parts),
    thereAlready: sum(parts.map(({ thereAlready }) => thereAlready)),
    canMove: merged(parts.flatMap(({ canMove }) => canMove)),
  };
};

/** What came of all batches of a migration (`path`: `/versions/migrations`), or of its undoing. */
export const moved = async (
  client: Client,
  path: string,
  body: Readonly<Record<string, unknown>>,
  going: Going,
): Promise<Migration> => {
  const parts = await allParts(going, async (batch, cursor) => {
    const behind = cursor === null ? {} : { cursor };
    const answer = await client.ask('POST', path, { body: { ...body, batch, ...behind } });
    return Migration.parse(answer.body);
  });
  return {
    ...parts[0]!,
    ...sumOf(parts),
    moved: merged(parts.flatMap((part) => part.moved)),
    movedOn: sum(parts.map(({ movedOn }) => movedOn)),
    pending: sum(parts.map(({ pending }) => pending)),
  };
};

type Part = Pick<MigrationPlan, 'open' | 'examined' | 'nextCursor' | 'cannotMove'>;

const allParts = async <T extends Part>(
  { quiet, batch = partDefault }: Going,
  ask: (limit: number, cursor: string | null) => Promise<T>,
): Promise<T[]> => {
  const parts = [await ask(batch, null)];
  const bar = progressBar('{value} of {total} open sagas | {eta_formatted} left', quiet);
  bar?.start(parts[0]!.open, 0);
  try {
    for (let last = parts[0]!; ; ) {
      bar?.increment(last.examined);
      if (last.nextCursor === null) return parts;
      last = await ask(batch, last.nextCursor);
      parts.push(last);
    }
  } finally {
    bar?.stop();
  }
};

const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);

const sumOf = (parts: readonly Part[]) => ({
  examined: sum(parts.map(({ examined }) => examined)),
  nextCursor: null,
  cannotMove: merged(parts.flatMap(({ cannotMove }) => cannotMove)),
});

/** Groups of several parts that are alike but for how many they are and which they name, as one; the largest first. */
const merged = <T extends { readonly count: number; readonly sagas?: readonly string[] }>(
  groups: readonly T[],
): T[] => {
  const byKey = Map.groupBy(groups, ({ count: _, sagas: __, ...kind }) => JSON.stringify(kind));
  return [...byKey.values()]
    .map((alike) => ({ ...alike[0]!, count: sum(alike.map(({ count }) => count)) }))
    .sort((a, b) => b.count - a.count);
};
