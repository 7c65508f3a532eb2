import type { Sql } from './connect.ts';

/** Settings that have to be on, and what else. Who runs PostgreSQL can turn them off at any time, without a word to us. */
const needed: Readonly<Record<string, string>> = {
  fsync: 'what was acknowledged can be lost, and the rest broken, when the machine stops',
  full_page_writes: 'a page that is half written when the machine stops stays broken',
  synchronous_commit:
    'a commit is acknowledged before it is synced. We ask for it on every connection: something between us and the server, as a pooler, leaves that out',
};

const text = `select name, current_setting(name) as setting
  from unnest($1::text[]) with ordinality as wanted (name, nth) order by nth`;

/** What of the server's settings could lose what is acknowledged, a line for each; none where nothing could. */
export const lossySettings = async (query: Sql): Promise<readonly string[]> => {
  const rows = await query<{ name: string; setting: string }>(text, [Object.keys(needed)]);
  return rows
    .filter(({ setting }) => setting !== 'on')
    .map(({ name, setting }) => `${name} is ${setting}: ${needed[name]}.`);
};
