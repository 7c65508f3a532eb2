import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Postgres } from '@recourse/infra/postgres/connect';
import { rowsOf } from './participant-kit.ts';

/** Somewhere for the books of a simulator, so that one suite tries it over a file and over PostgreSQL. */
export type BooksRoom<Simulator, Options> = {
  /** Another simulator over the same books, as another process opens it; it is closed at the end. */
  open(options: Options): Simulator;
  /** What stands in a table, oldest first. */
  rows(table: string): Promise<readonly Record<string, unknown>[]>;
  dispose(): Promise<void>;
};

type Closing = { close(): void | Promise<void> };

/** A room in a folder of its own. */
export const openFileRoom = <Simulator extends Closing, Options>(
  open: (path: string, options: Options) => Simulator,
): BooksRoom<Simulator, Options> & { readonly path: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-books-'));
  const path = join(folder, 'books.db');
  const opened: Simulator[] = [];
  return {
    path,
    open: (options) => {
      const simulator = open(path, options);
      opened.push(simulator);
      return simulator;
    },
    rows: async (table) => rowsOf(path, table),
    dispose: async () => {
      for (const simulator of opened) await simulator.close();
      rmSync(folder, { recursive: true });
    },
  };
};

const booksTables = [
  ...['charges', 'refunds', 'authorizations', 'captures', 'voids', 'shipments', 'cancellations'],
  'unreached',
].map((table) => `simulated_${table}`);

/** A room in a database that has our tables; `dispose` empties those of the books. */
export const openPostgresRoom = <Simulator extends Closing, Options>(
  { query }: Pick<Postgres, 'query'>,
  open: (options: Options) => Simulator,
): BooksRoom<Simulator, Options> => {
  const opened: Simulator[] = [];
  return {
    open: (options) => {
      const simulator = open(options);
      opened.push(simulator);
      return simulator;
    },
    rows: (table) => query(`select * from simulated_${table} order by at, key`),
    dispose: async () => {
      for (const simulator of opened) await simulator.close();
      await query(`truncate ${booksTables.join(', ')}`);
    },
  };
};
