import type { DatabaseSync } from 'node:sqlite';

/** Counts a call under a key that has to get through so many failures first; throws while it does not. */
export type Reach = (key: string, downCalls: number | undefined) => void;

/** Keeps those counts in the books, so that a restart does not make the provider forget them. */
export const unreachedCalls = (database: DatabaseSync): Reach => {
  const count = database.prepare(
    'INSERT INTO unreached VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET calls = calls + 1 RETURNING calls',
  );
  return (key, downCalls = 0) => {
    if (downCalls === 0) return;
    const { calls } = count.get(key) as { calls: number };
    if (calls <= downCalls) throw new Error('the provider cannot be reached');
  };
};
