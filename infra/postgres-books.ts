import type { Ask, EntryTable, EntryTables, Given, Rule, RuledBooks } from './books-rules.ts';
import { UnavailableError } from './errors.ts';
import { joining } from './joining.ts';
import type { Postgres, Sql } from './postgres/connect.ts';

type Row = Readonly<Record<string, unknown>>;
type Asked<Kind extends Ask['ask']> = Extract<Ask, { readonly ask: Kind }>;

/**
 * Opens the books of a simulated provider in PostgreSQL: a table each, `simulated_` before its name, as the migrations
 * make them. What calls ask of a table while it is being asked goes into its next statement, and each statement is
 * committed by itself: no lock outlives it, however long a process is paused. `close` takes no more calls, and
 * resolves when those that were taken have ended.
 */
export const openPostgresBooks = (
  { query }: Pick<Postgres, 'query'>,
  tables: EntryTables,
): RuledBooks & { close(): Promise<void> } => {
  const count = joining((asks: readonly Asked<'unreached'>[]) => countUnreached(query, asks));
  const byTable = new Map(
    Object.entries(tables).map(([name, table]) => [
      name,
      {
        enter: joining((asks: readonly Asked<'enter'>[]) => enterAll(query, name, table, asks)),
        key: joining((asks: readonly Asked<'find'>[]) => findAll(query, name, 'key', asks)),
        number: joining((asks: readonly Asked<'find'>[]) => findAll(query, name, 'number', asks)),
      },
    ]),
  );
  const open = new Set<Promise<unknown>>();
  let closed = false;

  const answer = (ask: Ask, signal: AbortSignal): Promise<unknown> => {
    if (ask.ask === 'unreached') return count(ask, signal);
    const table = byTable.get(ask.table)!;
    return ask.ask === 'enter' ? table.enter(ask, signal) : table[ask.column](ask, signal);
  };

  const runThrough = async <T>(rule: Rule<T>, signal: AbortSignal): Promise<T> => {
    let step = rule.next();
    while (step.done !== true) step = rule.next(await answer(step.value, signal));
    return step.value;
  };

  return {
    carryOut: async (rule, signal) => {
      if (closed) throw new Error('the books are closed');
      if (open.size >= callsMax) throw new UnavailableError(`more than ${callsMax} calls are open`);
      const call = runThrough(rule(), signal);
      open.add(call);
      try {
        return await call;
      } finally {
        open.delete(call);
      }
    },
    close: async () => {
      closed = true;
      await Promise.allSettled(open);
    },
  };
};

/** The most calls that are open at once. */
const callsMax = 20_000;

const simulated = (name: string) => `simulated_${name}`;

const arrays = { text: 'text[]', integer: 'bigint[]' } as const;

/** A first call costs one insert; only repeats take a second statement. Keys in order: nobody waits in a circle. */
const enterAll = async (
  query: Sql,
  name: string,
  table: EntryTable,
  asks: readonly Asked<'enter'>[],
): Promise<unknown[]> => {
  const rows = asks.map(({ row }) => row).sort(byKey);
  const columns = Object.keys(table.columns).map((column) => rows.map((row) => row[column]));
  const inserted = await query<{ readonly key: string }>(insertSql(name, table), columns);
  const fresh = new Set(inserted.map(({ key }) => key));
  const repeated = new Map<Given, number>();
  const isNew = asks.map(({ row: { key } }) => {
    if (fresh.delete(key as string)) return true;
    repeated.set(key!, (repeated.get(key!) ?? 0) + 1);
    return false;
  });
  if (repeated.size === 0) return isNew.map(() => 'entered');
  const keys = [...repeated.keys()].sort() as string[];
  const again = await query<Row>(
    `update ${simulated(name)} as b set calls = calls + a.n from unnest($1::text[], $2::bigint[]) as a (k, n)
     where b.key = a.k returning b.*`,
    [keys, keys.map((key) => repeated.get(key))],
  );
  const entries = new Map(again.map((entry) => [entry.key, entry]));
  return asks.map(({ row }, index) => (isNew[index] ? 'entered' : entries.get(row.key)));
};

const byKey = (one: { readonly key?: Given }, other: { readonly key?: Given }) =>
  one.key === other.key ? 0 : one.key! < other.key! ? -1 : 1;

/**
 * What ends an entry of another table is entered only where nothing else has ended that: the update waits for who is
 * about to, and then sees it.
 */
const insertSql = (name: string, { columns, ends }: EntryTable): string => {
  const names = Object.keys(columns).map((column) => `"${column}"`);
  const given = Object.values(columns).map((type, index) => `$${index + 1}::${arrays[type]}`);
  const asked = `unnest(${given.join(', ')}) as a (${names.join(', ')})`;
  const insert = `insert into ${simulated(name)} (${names.join(', ')})`;
  if (ends === undefined) return `${insert} select * from ${asked} on conflict do nothing returning key`;
  return `with ended as (
      update ${simulated(ends)} as o set ended = '${name}' from ${asked}
      where o.number = a.number and coalesce(o.ended, '${name}') = '${name}' returning o.number)
    ${insert} select * from ${asked} where a.number in (select number from ended)
    on conflict do nothing returning key`;
};

const findAll = async (
  query: Sql,
  name: string,
  column: 'key' | 'number',
  asks: readonly Asked<'find'>[],
): Promise<unknown[]> => {
  const values = [...new Set(asks.map(({ value }) => value))];
  const found = await query<Row>(
    `select * from ${simulated(name)} where ${column} = any($1::${column === 'key' ? 'text[]' : 'bigint[]'})`,
    [values],
  );
  const entries = new Map(found.map((entry) => [entry[column], entry]));
  return asks.map(({ value }) => entries.get(value));
};

/** Of several calls with one key each has its own number. */
const countUnreached = async (query: Sql, asks: readonly Asked<'unreached'>[]): Promise<number[]> => {
  const calls = new Map<string, number>();
  for (const { key } of asks) calls.set(key, (calls.get(key) ?? 0) + 1);
  const keys = [...calls.keys()].sort();
  const counted = await query<{ readonly key: string; readonly calls: number }>(
    `insert into simulated_unreached as u select * from unnest($1::text[], $2::bigint[])
     on conflict (key) do update set calls = u.calls + excluded.calls returning key, calls`,
    [keys, keys.map((key) => calls.get(key))],
  );
  const next = new Map(counted.map((it) => [it.key, it.calls - calls.get(it.key)! + 1]));
  return asks.map(({ key }) => {
    const mine = next.get(key)!;
    next.set(key, mine + 1);
    return mine;
  });
};
