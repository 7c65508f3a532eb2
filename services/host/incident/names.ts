import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import type { Raw } from './literal.ts';

/** Ids by the names that a test gives them. */
export type Names = ReadonlyMap<string, string>;

/**
 * Names the ids of a history: an event and a command by its type, a timer by its kind, numbered where there are
 * several. A test reads better with names; the ids themselves stand in one table.
 */
export const namesOf = (records: readonly RecordedEvent[]): Names => {
  const ids = new Map<string, string>();
  const add = (id: string, what: string) => {
    if (!ids.has(id)) ids.set(id, what);
  };
  for (const record of records) {
    if (record.type !== 'SagaAdvanced') {
      add(record.id, record.type);
      continue;
    }
    for (const { id, type } of record.data.commands) add(id, type);
    for (const { id, kind } of record.data.timers.set) add(id, kind);
  }
  const counts = new Map<string, number>();
  const total = Map.groupBy(ids.values(), (what) => what);
  for (const [id, what] of ids) {
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    if (total.get(what)!.length > 1) ids.set(id, `${what}${count}`);
  }
  return ids;
};

/** The same value with names in the place of ids, as source; gives each name that it used to `use`. */
export const withNames = (value: unknown, names: Names, use: (name: string) => void): unknown => {
  if (typeof value === 'string') {
    const name = names.get(value);
    if (name === undefined) return value;
    use(name);
    return { raw: `ids.${name}` } satisfies Raw;
  }
  if (Array.isArray(value)) return value.map((it) => withNames(it, names, use));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, withNames(it, names, use)]));
};
