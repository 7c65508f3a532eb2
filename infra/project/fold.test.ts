import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openFolding } from './fold.ts';
import { type Projection, projection, table } from './projection.ts';
import { projectionReader } from './read.ts';
import type { LogSource } from './source.ts';
import { type Count, count, counting, type Fold, logOf, orders, record } from './testing/counting.ts';

describe('projections', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recourse-project-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const rowsOf = (name: string) => {
    const reader = projectionReader(folder, counting(name), () => 1);
    const shown = reader.read((query) =>
      query<Omit<Count, 'types'>>('select correlation, events from counts'),
    );
    reader.close();
    return shown;
  };
  const foldAll = (projections: readonly Projection[], source: LogSource) => {
    const folding = openFolding(folder, projections, source);
    while (folding.step());
    const status = folding.status();
    folding.close();
    return status;
  };
  const events = (name: string) => rowsOf(name).rows.reduce((sum, row) => sum + row.events, 0);

  it('fold the whole log, and show the position that they have reached', () => {
    foldAll([counting('a'), counting('b')], logOf(orders(100), 50));
    expect(events('a')).toBe(200);
    expect(rowsOf('b').rows).toHaveLength(7);
    expect(rowsOf('b').position).toBe(300);
  });

  it('that are far behind, as new ones are, hold up none of the others', () => {
    const records = Array.from({ length: 50_000 }, (_, index) => record(index + 1, 'SagaAdvanced', 'o1'));
    foldAll([counting('a')], logOf(records, 2_000));
    records.push(record(50_001, 'OrderCreated', 'o2'));
    const folding = openFolding(folder, [counting('a'), counting('new')], logOf(records, 2_000));
    folding.step();
    expect(folding.status()).toMatchObject([{ position: 50_001 }, { position: 2_000 }]);
    while (folding.step());
    expect(folding.status()).toMatchObject([{ position: 50_001 }, { position: 50_001 }]);
    folding.close();
    expect([events('a'), events('new')]).toEqual([1, 1]);
  });

  it('write a row that changes many times in a batch as it is in the end', () => {
    foldAll([counting('a')], logOf(orders(14), 1_000));
    expect(rowsOf('a').rows).toEqual(
      Array.from({ length: 7 }, (_, index) => ({ correlation: `o${index}`, events: 4 })),
    );
  });

  it('go on exactly where they were, however they ended', () => {
    const records = orders(200);
    const first = openFolding(folder, [counting('a')], logOf(records, 37));
    for (let steps = 0; steps < 5; steps += 1) first.step();
    // Folded, and not committed: a crash drops it.
    count(first.running()[0]!.file.tables as never, records[0]!);
    first.close();
    expect(rowsOf('a').position).toBe(185);
    foldAll([counting('a')], logOf(records, 53));
    expect(events('a')).toBe(400);
    expect(rowsOf('a').position).toBe(600);
  });

  it('name the record that a fold throws at, keep what came before it, and let the others go on', () => {
    const throwing: Fold = (tables, it) => {
      count(tables, it);
      if (it.position === 61) throw new Error('no such customer');
    };
    const [bad, good] = foldAll([counting('bad', 1, throwing), counting('good')], logOf(orders(100), 50));
    expect(bad).toEqual({
      name: 'bad',
      version: 1,
      build: 0,
      position: 60,
      state: 'stopped',
      error: { message: 'no such customer', position: 61, stream: 'order-o6', type: 'OrderCreated' },
      rebuild: null,
    });
    expect(events('bad')).toBe(40);
    expect(good).toMatchObject({ state: 'running', position: 300, error: null });
    expect(events('good')).toBe(200);

    const [mended] = foldAll([counting('bad')], logOf(orders(100), 50));
    expect(mended).toMatchObject({ state: 'running', position: 300 });
    expect(events('bad')).toBe(200);
  });

  it('refuse to catch up where the fold has thrown, and say at what', () => {
    const throwing: Fold = () => {
      throw new Error('no such customer');
    };
    const folding = openFolding(folder, [counting('bad', 1, throwing)], logOf(orders(3)));
    expect(() => folding.catchUp('bad')).toThrow('projection bad is stopped: no such customer');
    folding.close();
  });

  it('wait while their file cannot be written, let the others go on, and catch up after that', () => {
    const folding = openFolding(folder, [counting('a'), counting('b')], logOf(orders(100), 50));
    const other = new DatabaseSync(join(folder, 'a-v1.db'));
    other.exec('begin immediate');
    while (folding.step());
    expect(folding.status()).toMatchObject([
      { name: 'a', state: 'waiting', position: 0, error: { message: 'database is locked' } },
      { name: 'b', state: 'running', position: 300 },
    ]);
    other.exec('rollback');
    other.close();
    folding.retry();
    while (folding.step());
    expect(folding.status()[0]).toMatchObject({ state: 'running', position: 300, error: null });
    expect(events('a')).toBe(200);
    folding.close();
  });

  it('begin anew where their file is damaged', async () => {
    await writeFile(join(folder, 'a-v1.db'), 'this is no database '.repeat(1_000));
    foldAll([counting('a')], logOf(orders(100)));
    expect(events('a')).toBe(200);
  });

  it('begin anew where their file was folded from another log, or from a longer one', () => {
    foldAll([counting('a')], logOf(orders(100), 1_000, 'other'));
    foldAll([counting('a')], logOf(orders(150)));
    expect(events('a')).toBe(300);
    foldAll([counting('a')], logOf(orders(10)));
    expect(events('a')).toBe(20);
  });

  it('keep no more rows in memory than a few thousand, and fold the rest as well', () => {
    const many = Array.from({ length: 30_000 }, (_, index) =>
      record(index + 1, 'OrderCreated', `o${index % 10_000}`),
    );
    foldAll([counting('a')], logOf(many));
    expect(rowsOf('a').rows).toHaveLength(10_000);
    expect(new Set(rowsOf('a').rows.map((row) => row.events))).toEqual(new Set([3]));
  });

  it('see by `get` only rows that are hot, by `find` all, in memory as on disk', () => {
    type Row = { readonly position: number; readonly correlation: string; readonly ended: number };
    const seen: string[] = [];
    const hotRows = projection({
      name: 'hot',
      version: 1,
      tables: {
        rows: table<Row>({
          columns: {
            position: 'integer primary key',
            correlation: 'text not null',
            ended: 'integer not null',
          },
          key: ['correlation'],
          hot: ['ended', 0],
        }),
      },
      fold: {
        OrderCreated: ({ rows }, { position, correlation }) => rows.put({ position, correlation, ended: 0 }),
        OrderCompleted: ({ rows }, { correlation }) => rows.put({ ...rows.get(correlation)!, ended: 1 }),
        TimerFired: ({ rows }, { correlation }) => {
          seen.push(`${correlation} ${rows.get(correlation)?.ended} ${rows.find(correlation)?.ended}`);
        },
      },
    });
    const begun = [
      record(1, 'OrderCreated', 'open'),
      record(2, 'OrderCreated', 'ended'),
      record(3, 'OrderCompleted', 'ended'),
    ];
    const asked = (after: number) =>
      ['open', 'ended', 'never'].map((it, index) => record(after + 1 + index, 'TimerFired', it));
    foldAll([hotRows], logOf([...begun, ...asked(3)]));
    foldAll([hotRows], logOf([...begun, ...asked(3), ...asked(6)]));
    const expected = ['open 0 0', 'ended undefined 1', 'never undefined undefined'];
    expect(seen).toEqual([...expected, ...expected]);
  });
});
