import type { Sql } from './connect.ts';

/** Settings that have to be on, and what else. Who runs PostgreSQL can turn them off at any time, without a word to us. */
const needed: Readonly<Record<string, string>> = {
  fsync: 'what was acknowledged can be lost, and the rest broken, when the machine stops',
  full_page_writes:
    'a page that is half written when the machine stops stays broken, unless the file system writes whole pages only, as ZFS does',
  synchronous_commit:
    'a commit is acknowledged before it is synced. We ask for it on every connection: something between us and the server, as a pooler, leaves that out',
};

const text = `select name, current_setting(name) as setting
  from unnest($1::text[]) with ordinality as wanted (name, nth) order by nth`;

/** These are off for a reason on some file systems, which the server cannot tell us. */
const forPeople: ReadonlySet<string> = new Set(['full_page_writes']);

/** A setting with which the server could lose what is acknowledged. */
export type LossySetting = {
  readonly line: string;
  /** It does in any case; else a person has to know whether. */
  readonly certain: boolean;
};

/** What of the server's settings could lose what is acknowledged; none where nothing could. */
export const lossySettings = async (query: Sql): Promise<readonly LossySetting[]> => {
  const rows = await query<{ name: string; setting: string }>(text, [Object.keys(needed)]);
  return rows
    .filter(({ setting }) => setting !== 'on')
    .map(({ name, setting }) => ({
      line: `${name} is ${setting}: ${needed[name]}.`,
      certain: !forPeople.has(name),
    }));
};
