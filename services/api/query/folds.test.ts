import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Clock } from '@recourse/infra/ports/clock';
import { systemClock } from '@recourse/infra/system';
import { type History, openHistory } from '../projections/testing/history.ts';
import { startFold } from './fold-run.ts';
import { type FoldLimits, type Folds, openFolds, type Past } from './folds.ts';

const limits: FoldLimits = { runningMax: 2, waitingMax: 2, keptMax: 2, keptMsMax: 60_000 };

describe('folds of the past', () => {
  let dataDir: string;
  let folder: string;
  let history: History;
  let folds: Folds;
  /** Threads that were started, and those whose results are held back until they are let go. */
  let started: string[];
  let held: (() => void)[];
  let holding: boolean;
  let due: (() => void)[];

  /** Nothing becomes due by itself. */
  const clock: Clock = {
    ...systemClock,
    after: (_, run) => {
      due.push(run);
      return () => {
        due = due.filter((it) => it !== run);
      };
    },
  };

  const start: typeof startFold = (setup, onProgress) => {
    started.push(`${setup.projection}@${setup.upTo}`);
    const run = startFold(setup, onProgress);
    if (!holding) return run;
    const gate = new Promise<void>((open) => held.push(open));
    return { ...run, path: run.path.then((path) => gate.then(() => path)) };
  };

  const open = () => openFolds({ folder, logPath: history.logPath, clock, limits, start });

  beforeEach(async () => {
    [started, held, due, holding] = [[], [], [], false];
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-folds-'));
    folder = join(dataDir, 'as-of');
    history = openHistory(dataDir);
    for (let n = 0; n < 5; n += 1) history.order().done();
    await history.settled();
    folds = open();
  });
  afterEach(async () => {
    await folds.close();
    await history.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const at = (position: number, projection = 'orders'): Past => ({ projection, position });
  const rowsIn = async (path: string) => {
    const db = new DatabaseSync(path, { readOnly: true });
    const { n } = db.prepare('select count(*) as n from orders').get() as { n: number };
    db.close();
    return n;
  };
  const use = (past: Past, signal?: AbortSignal) => folds.use(past, { signal }, rowsIn);
  const left = () => (existsSync(folder) ? readdirSync(folder) : []);
  const eventually = async (holds: () => boolean) => {
    for (const end = performance.now() + 10_000; !holds(); await setImmediate())
      if (performance.now() > end)
        throw new Error(`it never came to be; left: ${left()}; held: ${held.length}`);
  };

  it('show a projection as it stood, and say how far they are', async () => {
    const first = (await history.log.readAll(0, 1_000)).filter(({ type }) => type === 'OrderCreated');
    const reached: number[] = [];
    const third = first[2]!.position;
    const rows = await folds.use(at(third), { onProgress: (position) => reached.push(position) }, rowsIn);
    expect(rows).toBe(3);
    expect(reached.at(-1)).toBe(third);
    expect(await use(at(third - 1))).toBe(2);
    expect(await use(at(0))).toBe(0);
  });

  it('are made once for all who ask for the same at once, and kept for those who come soon', async () => {
    expect(await Promise.all([use(at(20)), use(at(20))])).toEqual([2, 2]);
    expect(await use(at(20))).toBe(2);
    expect(started).toEqual(['orders@20']);
  });

  it('are removed once nobody has read them for a while', async () => {
    await use(at(20));
    expect(left()).toHaveLength(1);
    for (const run of due) run();
    await eventually(() => left().length === 0);
    expect(await use(at(20))).toBe(2);
    expect(started).toEqual(['orders@20', 'orders@20']);
  });

  it('are kept few: the one read longest ago goes first', async () => {
    await use(at(10));
    await use(at(20));
    await use(at(10));
    await use(at(30));
    await eventually(() => left().length === 2);
    await use(at(10));
    expect(started).toEqual(['orders@10', 'orders@20', 'orders@30']);
  });

  it('stay while they are read, however few are kept', async () => {
    const read = Promise.withResolvers<void>();
    let path = '';
    const reading = folds.use(at(5), {}, async (it) => {
      path = it;
      await read.promise;
      return rowsIn(it);
    });
    await eventually(() => path !== '');
    for (const position of [10, 20, 30]) await use(at(position));
    for (const run of due) run();
    await eventually(() => left().length === 1);
    read.resolve();
    expect(await reading).toBe(1);
  });

  it('run a few at a time; others wait, and too many are refused', async () => {
    holding = true;
    const asked = [1, 2, 3, 4].map((position) => use(at(position)));
    await eventually(() => held.length === 2);
    expect(started).toEqual(['orders@1', 'orders@2']);
    await expect(use(at(5))).rejects.toMatchObject({ code: 'overloaded' });
    // Who asks for what is under way already takes nobody's place.
    const shared = use(at(1));
    holding = false;
    held.splice(0).forEach((open) => {
      open();
    });
    expect(await Promise.all([...asked, shared])).toEqual([1, 1, 1, 1, 1]);
  });

  it('end when nobody waits any more, and make room for the next', async () => {
    holding = true;
    const leaving = new AbortController();
    const both = [use(at(1), leaving.signal), use(at(1))];
    const second = use(at(2));
    const third = use(at(3));
    await eventually(() => held.length === 2);
    const gone = new Error('hung up');
    leaving.abort(gone);
    await expect(both[0]).rejects.toBe(gone);
    expect(started).toEqual(['orders@1', 'orders@2']);

    const alone = new AbortController();
    const never = use(at(9), alone.signal);
    alone.abort(gone);
    await expect(never).rejects.toBe(gone);
    holding = false;
    held.splice(0).forEach((open) => {
      open();
    });
    expect(await Promise.all([both[1], second, third])).toEqual([1, 1, 1]);
    expect(started).toEqual(['orders@1', 'orders@2', 'orders@3']);
  });

  it('leave nothing behind when they are ended in the middle', async () => {
    holding = true;
    const leaving = new AbortController();
    const asked = use(at(50), leaving.signal);
    await eventually(() => left().length === 1);
    leaving.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    await eventually(() => left().length === 0);
  });

  it('remove at the start what a process that was killed has left, and in the end everything', async () => {
    const stray = join(folder, '1-orders-7');
    mkdirSync(stray, { recursive: true });
    writeFileSync(join(stray, 'orders-v1.db'), 'half');
    const next = open();
    expect(existsSync(folder)).toBe(false);
    await next.use(at(20), {}, rowsIn);
    await next.close();
    expect(existsSync(folder)).toBe(false);
  });

  it('end those who wait when they are closed', async () => {
    holding = true;
    const asked = Promise.allSettled([1, 2, 3].map((position) => use(at(position))));
    await eventually(() => held.length === 2);
    await folds.close();
    for (const it of await asked)
      expect(it).toMatchObject({ status: 'rejected', reason: { code: 'stopping' } });
    await expect(use(at(4))).rejects.toMatchObject({ code: 'stopping' });
    expect(existsSync(folder)).toBe(false);
  });

  it('say what was wrong with the log, and try again the next time', async () => {
    const db = new DatabaseSync(history.logPath);
    const { data } = db.prepare('select data from records where position = 1').get() as { data: string };
    const write = (text: string) => db.prepare('update records set data = ? where position = 1').run(text);
    write('{');
    await expect(use(at(20))).rejects.toThrow(/JSON/);
    write(data);
    db.close();
    expect(await use(at(20))).toBe(2);
    expect(left()).toHaveLength(1);
  });
});
