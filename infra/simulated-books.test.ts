import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openBooks } from './simulated-books.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-books-'));
  path = join(folder, 'books.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = () => {
  const books = openBooks(path, 'CREATE TABLE IF NOT EXISTS entries (entry TEXT NOT NULL UNIQUE) STRICT');
  const insert = books.database.prepare('INSERT INTO entries VALUES (?)');
  return { ...books, enter: (entry: string) => books.write(() => insert.run(entry).changes) };
};

/** What somebody else reads in the file. */
const entries = () => {
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database.prepare('SELECT entry FROM entries ORDER BY rowid').all();
  database.close();
  return rows.map(({ entry }) => entry);
};

describe('the books of a simulated provider', () => {
  it('hold an entry before it is answered', async () => {
    const books = open();
    const entered = books.enter('one');
    expect(entries()).toEqual([]);
    await entered;
    expect(entries()).toEqual(['one']);
    books.close();
  });

  it('keep the other entries of a turn when one of them fails', async () => {
    const books = open();
    const outcomes = await Promise.allSettled(['one', 'one', 'two'].map(books.enter));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(entries()).toEqual(['one', 'two']);
    books.close();
  });

  it('answer none of a turn whose transaction fails, and go on with the next', async () => {
    const books = open();
    const outcomes = Promise.allSettled([
      books.enter('one'),
      books.write(() => books.database.exec('ROLLBACK')),
    ]);
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await books.enter('two');
    expect(entries()).toEqual(['two']);
    books.close();
  });

  it('are written to the end when they are closed, and take nothing after that', async () => {
    const books = open();
    const entered = books.enter('one');
    books.close();
    books.close();
    await entered;
    expect(entries()).toEqual(['one']);
    await expect(books.enter('two')).rejects.toThrow('closed');
  });
});
