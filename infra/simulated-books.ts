import { DatabaseSync } from 'node:sqlite';
import type { Ask, EntryTable, EntryTables, Rule, RuledBooks } from './books-rules.ts';

/** How long a write waits for another process that writes the same books. */
const busyMsMax = 5_000;

/** Books that somebody outside keeps of what we asked: durable, apart from the log, shared by several processes. */
export type SimulatedBooks = {
  readonly database: DatabaseSync;
  /**
   * Runs `entry` in the transaction that all entries of this turn of the event loop share, and resolves with what it
   * returns once that is committed. Rejects with what `entry` throws; what it had written before stands. Rejects
   * every entry of the turn where the transaction fails; then it is not known whether they were written.
   */
  write<T>(entry: () => T): Promise<T>;
  /** Writes what is queued, then closes the file. */
  close(): void;
};

type Queued = { readonly run: () => () => void; readonly reject: (error: unknown) => void };

/**
 * Opens books in a SQLite file, with tables as `schema` makes them. WAL with `synchronous=OFF`: what is committed
 * survives the death of every process here, as the books of a provider elsewhere would.
 */
export const openBooks = (path: string, schema: string): SimulatedBooks => {
  const database = new DatabaseSync(path, { timeout: busyMsMax });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;');
  database.exec(schema);
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  let queue: Queued[] = [];

  const flush = () => {
    const entries = queue;
    queue = [];
    if (entries.length === 0) return;
    let answers: (() => void)[];
    try {
      begin.run();
      answers = entries.map(({ run }) => run());
      commit.run();
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      for (const { reject } of entries) reject(error);
      return;
    }
    for (const answer of answers) answer();
  };

  return {
    database,
    write: (entry) =>
      new Promise((resolve, reject) => {
        if (!database.isOpen) throw new Error('the books are closed');
        if (queue.length === 0) setImmediate(flush);
        const run = () => {
          try {
            const result = entry();
            return () => resolve(result);
          } catch (error) {
            return () => reject(error);
          }
        };
        queue.push({ run, reject });
      }),
    close: () => {
      if (!database.isOpen) return;
      flush();
      database.close();
    },
  };
};

/** Opens books (`openBooks`) that are kept by rules. Each call runs through at once, in the transaction of its turn. */
export const openRuledBooks = (
  path: string,
  schema: string,
  tables: EntryTables,
): RuledBooks & Pick<SimulatedBooks, 'close'> => {
  const { database, write, close } = openBooks(path, schema);
  const statements = new Map(
    Object.entries(tables).map(([name, table]) => [name, prepare(database, name, table)]),
  );
  const count = database.prepare(
    'INSERT INTO unreached VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET calls = calls + 1 RETURNING calls',
  );

  const answer = (ask: Ask): unknown => {
    if (ask.ask === 'unreached') return count.get(ask.key)?.calls;
    const { columns, insert, again, find } = statements.get(ask.table)!;
    if (ask.ask === 'find') return find[ask.column].get(ask.value);
    const { changes } = insert.run(...columns.map((column) => ask.row[column]!));
    return changes === 1 ? 'entered' : again.get(ask.row.key!);
  };

  const runThrough = <T>(rule: Rule<T>): T => {
    let step = rule.next();
    while (step.done !== true) step = rule.next(answer(step.value));
    return step.value;
  };

  return { carryOut: (rule) => write(() => runThrough(rule())), close };
};

/** A first call costs one insert; only a repeat looks the entry up. */
const prepare = (database: DatabaseSync, name: string, table: EntryTable) => {
  const columns = Object.keys(table.columns);
  const values = columns.map(() => '?').join(', ');
  const byKey = database.prepare(`SELECT * FROM ${name} WHERE key = ?`);
  return {
    columns,
    insert: database.prepare(
      `INSERT INTO ${name} (${columns.join(', ')}) VALUES (${values}) ON CONFLICT DO NOTHING`,
    ),
    again: database.prepare(`UPDATE ${name} SET calls = calls + 1 WHERE key = ? RETURNING *`),
    find: {
      key: byKey,
      number: table.ends === undefined ? byKey : database.prepare(`SELECT * FROM ${name} WHERE number = ?`),
    },
  };
};
