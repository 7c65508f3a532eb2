/**
 * The rules of a simulated provider, apart from where its books are: what a call does is a generator that asks one
 * thing of the books after the other, and is told. Over a file it runs through at once, in the transaction of its
 * turn; over PostgreSQL what several calls ask at the same time goes into one statement.
 */

/** A table of entries that are never changed but for `calls`. Each has a `key`, which no other has. */
export type EntryTable = {
  /** The columns that are given, and what they hold. `calls` counts by itself, from 1. */
  readonly columns: Readonly<Record<string, 'text' | 'integer'>>;
  /** An entry ends the one of that table that has its `number`. One is ended once, by entries of one table only. */
  readonly ends?: string;
};

/** The tables of somebody's books, by name; beside them `unreached` counts calls by key. */
export type EntryTables = Readonly<Record<string, EntryTable>>;

/** What stands in a column that is given. */
export type Given = string | number | null;

/** What a rule asks of the books: see `enter`, `find` and `unreached`. Each is carried out whole or not at all. */
export type Ask =
  | { readonly ask: 'enter'; readonly table: string; readonly row: Readonly<Record<string, Given>> }
  | {
      readonly ask: 'find';
      readonly table: string;
      readonly column: 'key' | 'number';
      readonly value: string | number;
    }
  | { readonly ask: 'unreached'; readonly key: string };

/** What one call does. It throws where the call's outcome is not known to who calls; what was entered before stands. */
export type Rule<T> = Generator<Ask, T, unknown>;

/** The books of a simulated provider, as its calls use them. */
export type RuledBooks = {
  /**
   * Carries out a rule, and resolves with what it returns once all that it has entered is committed. Rejects with what
   * it throws; where the books cannot be reached it is not known what was entered. May leave out what nobody waits for.
   */
  carryOut<T>(rule: () => Rule<T>, signal: AbortSignal): Promise<T>;
};

/**
 * Enters a row under its key, if there is none: `entered`. Else counts the call, and is told the entry that stands
 * there; undefined where another key stands in the way.
 */
export function* enter<Entry>(
  table: string,
  row: Readonly<Record<string, Given>>,
): Rule<'entered' | Entry | undefined> {
  return (yield { ask: 'enter', table, row }) as 'entered' | Entry | undefined;
}

/** Looks up an entry by its key, or by the number that it ends. */
export function* find<Entry>(
  table: string,
  column: 'key' | 'number',
  value: string | number,
): Rule<Entry | undefined> {
  return (yield { ask: 'find', table, column, value }) as Entry | undefined;
}

/** Counts a call under a key that has to get through `downCalls` failures first. Throws `error` while it does not. */
export function* reach(key: string, downCalls: number | undefined, error: string): Rule<void> {
  if (downCalls === undefined || downCalls === 0) return;
  const calls = (yield { ask: 'unreached', key }) as number;
  if (calls <= downCalls) throw new Error(error);
}
