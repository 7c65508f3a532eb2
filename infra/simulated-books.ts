import { DatabaseSync } from 'node:sqlite';

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
