import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RebuildingError } from '../ports/read-models.ts';
import { type Folding, openFolding } from './fold.ts';
import { type Projection, projection, table } from './projection.ts';
import { projectionReader } from './read.ts';
import type { LogSource } from './source.ts';
import { type Count, count, counting, type Fold, logOf, orders, record } from './testing/counting.ts';

const twice: Fold = (tables, it) => {
  count(tables, it);
  count(tables, it);
};

/** The same rows as `counting` in a table of another name. */
const renamed = (name: string): Projection =>
  projection({
    name,
    version: 2,
    tables: {
      sums: table<Omit<Count, 'types'>>({
        columns: { correlation: 'text', events: 'integer not null' },
        key: ['correlation'],
        clustered: true,
      }),
    },
    fold: { OrderCreated: ({ sums }, { correlation }) => sums.put({ correlation, events: 1 }) },
  });

describe('a rebuild', () => {
  let folder: string;
  let free: number;
  let opened: Folding[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'recourse-rebuild-'));
    free = Number.MAX_SAFE_INTEGER;
    opened = [];
  });
  afterEach(async () => {
    for (const folding of opened) folding.close();
    await rm(folder, { recursive: true, force: true });
  });

  const open = (projections: readonly Projection[], source: LogSource): Folding => {
    const folding = openFolding(folder, projections, source, () => free);
    opened.push(folding);
    return folding;
  };
  const foldAll = (folding: Folding) => {
    while (folding.step() > 0);
  };
  const rebuildAll = (folding: Folding, recordsMax = 50) => {
    while (folding.rebuildStep(recordsMax) !== undefined);
  };
  const close = (folding: Folding) => {
    opened.splice(opened.indexOf(folding), 1);
    folding.close();
  };
  const shown = (it: Projection) => {
    const reader = projectionReader(folder, it, () => 1);
    try {
      const { rows, position } = reader.read((query) => query<Count>('select * from counts'));
      return { events: rows.reduce((sum, { events }) => sum + events, 0), position };
    } finally {
      reader.close();
    }
  };
  const files = async () => (await readdir(folder)).filter((name) => name.endsWith('.db')).sort();
  const pointerOf = async (name: string) => JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8'));

  it('folds beside the file that serves, which goes on, and takes its place once it has come as far', async () => {
    const records = orders(100);
    const folding = open([counting('a')], logOf(records));
    foldAll(folding);
    folding.rebuild(['a'], 'full');
    let last = 0;
    for (let steps = 0; folding.rebuildStep(50) !== undefined; steps += 1) {
      records.push(...orders(110).slice(300 + steps * 2, 302 + steps * 2));
      foldAll(folding);
      const { position } = shown(counting('a'));
      expect(position).toBeGreaterThanOrEqual(last);
      last = position;
    }
    foldAll(folding);
    expect(shown(counting('a'))).toEqual({ events: events(records), position: records.length });
    expect(folding.status()[0]).toMatchObject({ version: 1, build: 1, state: 'running', rebuild: null });
    expect(await files()).toEqual(['a-v1-1.db']);
    expect(await pointerOf('a')).toEqual({ version: 1, build: 1, file: 'a-v1-1.db' });
  });

  it('makes indexes that only readers need in the end, before it serves', () => {
    const indexed: Projection = { ...counting('a') };
    const counts = { ...indexed.tables.counts!, indexes: ['(events)'] };
    const folding = open([{ ...indexed, tables: { counts } }], logOf(orders(100)));
    folding.rebuild(['a'], 'full');
    const indexesIn = (name: string) => {
      const db = new DatabaseSync(join(folder, name), { readOnly: true });
      const found = db
        .prepare(`select name from sqlite_schema where type = 'index' and sql is not null`)
        .all();
      db.close();
      return found.map((row) => row.name);
    };
    foldAll(folding);
    folding.rebuildStep(50);
    expect(indexesIn('a-v1-1.db')).toEqual([]);
    rebuildAll(folding);
    expect(indexesIn('a-v1-1.db')).toEqual(['counts_1']);
  });

  it('of several projections reads each record once, and lets one that is asked for later catch up first', () => {
    const log = logOf(orders(100));
    const reads: number[] = [];
    const read: LogSource['read'] = (after, max, wanted) => {
      reads.push(after);
      return log.read(after, max, wanted);
    };
    const folding = open([counting('a'), counting('b'), counting('c')], { ...log, read });
    foldAll(folding);
    reads.length = 0;
    folding.rebuild(['a', 'b'], 'full');
    folding.rebuildStep(100);
    folding.rebuild(['c'], 'full');
    rebuildAll(folding, 100);
    expect(reads).toEqual([0, 0, 100, 200]);
    expect(folding.status().map(({ build }) => build)).toEqual([1, 1, 1]);
    expect(['a', 'b', 'c'].map((name) => shown(counting(name)).events)).toEqual([200, 200, 200]);
  });

  it('goes at the fastest pace of what is asked for', () => {
    const folding = open([counting('a'), counting('b'), counting('c')], logOf(orders(1)));
    const paces = [folding.pace()];
    for (const [name, pace] of [
      ['a', 100],
      ['b', 'default'],
      ['c', 'full'],
    ] as const) {
      folding.rebuild([name], pace);
      paces.push(folding.pace());
    }
    expect(paces).toEqual([undefined, 100, 'default', 'full']);
  });

  it('goes on where it was after a crash, at the pace that was asked for', async () => {
    const records = orders(5_000);
    const first = open([counting('a')], logOf(records));
    foldAll(first);
    first.rebuild(['a'], 25_000);
    for (let steps = 0; steps < 12; steps += 1) {
      if (steps === 10) first.save();
      first.rebuildStep(1_000);
    }
    // No close: what was folded last and not committed is lost, as when the process is killed.
    const second = open([counting('a')], logOf(records));
    expect(second.status()[0]!.rebuild).toMatchObject({ build: 1, pace: 25_000, position: 10_000 });
    rebuildAll(second, 1_000);
    expect(shown(counting('a')).events).toBe(10_000);
    expect(await files()).toEqual(['a-v1-1.db']);
  });

  it('goes on after it was closed without folding anything again', () => {
    const first = open([counting('a')], logOf(orders(100)));
    foldAll(first);
    first.rebuild(['a'], 'full');
    first.rebuildStep(120);
    close(first);
    const second = open([counting('a')], logOf(orders(100)));
    expect(second.status()[0]!.rebuild).toMatchObject({ position: 120 });
    rebuildAll(second);
    expect(shown(counting('a')).events).toBe(200);
  });

  it('is begun by itself where the version has changed; the old file serves until it has caught up', async () => {
    const records = orders(100);
    close(open([counting('a')], logOf(records)));
    const before = open([counting('a')], logOf(records));
    foldAll(before);
    close(before);
    records.push(...orders(110).slice(300));
    const changed = counting('a', 2, twice);
    const folding = open([changed, counting('b')], logOf(records));
    expect(folding.status()[0]).toMatchObject({
      version: 1,
      position: 300,
      state: 'outdated',
      rebuild: { version: 2, build: 0, pace: 'default' },
    });
    foldAll(folding);
    expect(() => folding.catchUp('a')).toThrow('projection a is being rebuilt for a new version');
    folding.rebuildStep(200);
    expect(shown(changed)).toEqual({ events: 200, position: 300 });
    rebuildAll(folding);
    expect(shown(changed)).toEqual({ events: 440, position: 330 });
    expect(folding.status()[0]).toMatchObject({ version: 2, build: 0, state: 'running', rebuild: null });
    expect(await files()).toEqual(['a-v2.db', 'b-v1.db']);
  });

  it('of a version that changes again is begun anew, and one for a version that is back goes on serving', async () => {
    const log = logOf(orders(100));
    const first = open([counting('a')], log);
    foldAll(first);
    close(first);
    const second = open([counting('a', 2)], log);
    second.rebuildStep(100);
    close(second);
    const third = open([counting('a', 3, twice)], log);
    expect(third.status()[0]).toMatchObject({ version: 1, rebuild: { version: 3, position: 0 } });
    expect(await files()).toEqual(['a-v1.db', 'a-v3.db']);
    close(third);
    const back = open([counting('a')], log);
    expect(back.status()[0]).toMatchObject({ version: 1, position: 300, state: 'running', rebuild: null });
    expect(await files()).toEqual(['a-v1.db']);
  });

  it('is what reads wait for that do not fit the old tables; others are answered', () => {
    const log = logOf(orders(10));
    const first = open([counting('a')], log);
    foldAll(first);
    close(first);
    const folding = open([renamed('a')], log);
    const reader = projectionReader(folder, renamed('a'), () => 1);
    const read = () => reader.read((query) => query('select * from sums'));
    expect(read).toThrow(RebuildingError);
    expect(read).toThrow('The read model a is being rebuilt for a new version. Ask again later.');
    expect(shown(counting('a', 2)).position).toBe(30);
    rebuildAll(folding);
    expect(read().rows).toHaveLength(7);
    reader.close();
  });

  it('is waited for by who reads a column that the old file does not have, and by nobody else', () => {
    const log = logOf(orders(10));
    const first = open([counting('a')], log);
    foldAll(first);
    close(first);
    const changed = counting('a', 2);
    const counts = {
      ...changed.tables.counts!,
      columns: { ...changed.tables.counts!.columns, more: 'text' },
    };
    const wider = { ...changed, tables: { counts } };
    const folding = open([wider], log);
    const read = (columns: string) => {
      const reader = projectionReader(folder, wider, () => 1);
      try {
        return reader.read((query) => query(`select ${columns} from counts`)).position;
      } finally {
        reader.close();
      }
    };
    expect(() => read('events, more')).toThrow(RebuildingError);
    expect(read('events')).toBe(30);
    rebuildAll(folding);
    expect(read('events, more')).toBe(30);
  });

  it('whose fold throws names the record, leaves the old file serving and goes; the others take their place', async () => {
    const log = logOf(orders(100));
    const first = open([counting('a'), counting('b')], log);
    foldAll(first);
    close(first);
    const throwing: Fold = (tables, it) => {
      count(tables, it);
      if (it.position === 61) throw new Error('no such customer');
    };
    const folding = open([counting('a', 2, throwing), counting('b')], log);
    folding.rebuild(['b'], 'full');
    rebuildAll(folding);
    const error = { message: 'no such customer', position: 61, stream: 'order-o6', type: 'OrderCreated' };
    expect(folding.status()).toMatchObject([
      { version: 1, state: 'outdated', rebuild: { version: 2, state: 'stopped', error } },
      { version: 1, build: 1, state: 'running', rebuild: null },
    ]);
    expect(folding.pace()).toBeUndefined();
    expect(shown(counting('a', 2)).events).toBe(200);
    expect(await files()).toEqual(['a-v1.db', 'b-v1-1.db']);

    // Mended, and asked for again.
    close(folding);
    const mended = open([counting('a', 2, twice), counting('b')], log);
    rebuildAll(mended);
    expect(shown(counting('a', 2)).events).toBe(400);
  });

  it('mends a projection whose own fold has stopped', () => {
    const log = logOf(orders(100));
    let broken = true;
    const moody: Fold = (tables, it) => {
      if (broken && it.position === 61) throw new Error('not now');
      count(tables, it);
    };
    const folding = open([counting('a', 1, moody)], log);
    foldAll(folding);
    expect(folding.status()[0]).toMatchObject({ state: 'stopped', position: 60 });
    broken = false;
    folding.rebuild(['a'], 'full');
    rebuildAll(folding);
    expect(folding.status()[0]).toMatchObject({ state: 'running', position: 300, error: null });
  });

  it('is refused where one runs already, or the projection is not known; nothing is changed', () => {
    const folding = open([counting('a'), counting('b')], logOf(orders(10)));
    foldAll(folding);
    folding.rebuild(['a'], 'full');
    const before = folding.status();
    expect(() => folding.rebuild('all', 100)).toThrow('a rebuild of a is running already');
    expect(() => folding.rebuild(['b', 'x'], 100)).toThrow('there is no projection x');
    expect(folding.status()).toEqual(before);
  });

  it('is refused where the disk has no room for it; nothing is changed', async () => {
    const folding = open([counting('a')], logOf(orders(10)));
    foldAll(folding);
    const before = await readdir(folder);
    free = 64 * 1024 * 1024;
    expect(() => folding.rebuild('all', 'full')).toThrow(/has 64 MiB free, and 65 MiB are needed: make room/);
    expect(await readdir(folder)).toEqual(before);
    expect(folding.status()[0]).toMatchObject({ build: 0, rebuild: null });
  });

  it('is asked for of all or of none: where one pointer cannot be written nothing is changed', async () => {
    const folding = open([counting('a'), counting('b'), counting('c')], logOf(orders(10)));
    foldAll(folding);
    const before = { status: folding.status(), pointer: await pointerOf('a') };
    await mkdir(join(folder, 'b.json.new'));
    expect(() => folding.rebuild('all', 'full')).toThrow('EISDIR');
    expect({ status: folding.status(), pointer: await pointerOf('a') }).toEqual(before);
    await rm(join(folder, 'b.json.new'), { recursive: true });
    folding.rebuild('all', 'full');
    rebuildAll(folding);
    expect(folding.status().map(({ build }) => build)).toEqual([1, 1, 1]);
  });

  it('waits while the disk is nearly full, and goes on once there is room', () => {
    const others = Array.from({ length: 60_000 }, (_, index) => record(31 + index, 'SagaAdvanced', 'o1'));
    const folding = open([counting('a')], logOf([...orders(10), ...others]));
    foldAll(folding);
    folding.rebuild(['a'], 'full');
    for (let steps = 0; steps < 30; steps += 1) folding.rebuildStep(1_000);
    free = 1_000_000;
    rebuildAll(folding, 1_000);
    const { rebuild } = folding.status()[0]!;
    expect(rebuild).toMatchObject({ state: 'waiting' });
    expect(rebuild!.error!.message).toContain('has 1 MiB free');
    folding.retry();
    rebuildAll(folding);
    expect(folding.status()[0]!.rebuild).toMatchObject({ state: 'waiting' });
    expect(shown(counting('a'))).toEqual({ events: 20, position: 60_030 });
    free = Number.MAX_SAFE_INTEGER;
    folding.retry();
    rebuildAll(folding, 1_000);
    expect(folding.status()[0]).toMatchObject({ build: 1, rebuild: null });
    expect(shown(counting('a'))).toEqual({ events: 20, position: 60_030 });
  });

  it('counts nothing twice that it held when it had to wait for room', () => {
    const folding = open([counting('a')], logOf(orders(10_000), 5_000));
    foldAll(folding);
    folding.rebuild(['a'], 'full');
    for (let steps = 0; steps < 7; steps += 1) {
      if (steps === 4) folding.save();
      folding.rebuildStep(3_000);
    }
    free = 0;
    rebuildAll(folding, 3_000);
    expect(folding.status()[0]!.rebuild).toMatchObject({ state: 'waiting', position: 12_000 });
    free = Number.MAX_SAFE_INTEGER;
    folding.retry();
    rebuildAll(folding, 3_000);
    expect(folding.status()[0]).toMatchObject({ build: 1, rebuild: null });
    expect(shown(counting('a'))).toEqual({ events: 20_000, position: 30_000 });
  });

  it('waits while its file cannot be written, holds up no other, and counts nothing twice', () => {
    const folding = open([counting('a'), counting('b')], logOf(orders(100)));
    foldAll(folding);
    folding.rebuild('all', 'full');
    folding.rebuildStep(50);
    const other = new DatabaseSync(join(folder, 'a-v1-1.db'));
    other.exec('begin immediate');
    rebuildAll(folding);
    expect(folding.status()).toMatchObject([
      { build: 0, rebuild: { state: 'waiting', error: { message: 'database is locked' } } },
      { build: 1, rebuild: null },
    ]);
    other.exec('rollback');
    other.close();
    folding.retry();
    rebuildAll(folding);
    expect(shown(counting('a')).events).toBe(200);
  });

  it('leaves nothing behind: files that a crash in a swap has left go at the next start', async () => {
    const folding = open([counting('a'), counting('a-b')], logOf(orders(10)));
    foldAll(folding);
    close(folding);
    for (const stray of ['a-v1-3.db', 'a-v1-3.db-wal', 'a-v7.db']) await writeFile(join(folder, stray), 'x');
    close(open([counting('a'), counting('a-b')], logOf(orders(10))));
    expect((await readdir(folder)).sort()).toEqual(['a-b-v1.db', 'a-b.json', 'a-v1.db', 'a.json']);
  });

  it('disturbs nobody who reads: an open reader goes on with the old file until it hears of the new one', () => {
    const first = open([counting('a')], logOf(orders(100)));
    foldAll(first);
    close(first);
    const changed = counting('a', 2, twice);
    const folding = open([changed], logOf(orders(100)));
    let generation = 1;
    const reader = projectionReader(folder, changed, () => generation);
    const read = () =>
      reader.read((query) =>
        query<Count>('select * from counts').reduce((sum, { events }) => sum + events, 0),
      );
    expect(read().rows).toBe(200);
    rebuildAll(folding);
    expect(read()).toEqual({ rows: 200, position: 300 });
    generation += 1;
    expect(read()).toEqual({ rows: 400, position: 300 });
    reader.close();
  });

  it('fails no reader that has opened the old file, and reads it only once it is gone', () => {
    const folding = open([counting('a')], logOf(orders(100)));
    foldAll(folding);
    folding.rebuild(['a'], 'full');
    let asked = 0;
    const reader = projectionReader(folder, counting('a'), () => {
      // It is asked before a file is opened, and after it.
      asked += 1;
      if (asked === 2) rebuildAll(folding);
      return 1;
    });
    expect(reader.read((query) => query('select events from counts')).position).toBe(300);
    expect(asked).toBeGreaterThan(2);
    reader.close();
  });

  it('does not need files of an earlier Recourse to say which build they are', async () => {
    const folding = open([counting('a')], logOf(orders(10)));
    foldAll(folding);
    close(folding);
    await writeFile(join(folder, 'a.json'), '{"version":1,"file":"a-v1.db"}\n');
    const again = open([counting('a', 2)], logOf(orders(10)));
    expect(again.status()[0]).toMatchObject({ version: 1, build: 0, position: 30, state: 'outdated' });
  });
});

const events = (records: readonly { readonly type: string }[]) =>
  records.filter(({ type }) => type !== 'SagaAdvanced').length;
