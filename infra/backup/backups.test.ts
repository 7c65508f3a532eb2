import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backupDatabases } from '@recourse/contracts/backup';
import { extract } from 'tar';
import { systemClock } from '../system.ts';
import { type BackupsOptions, openBackups } from './backups.ts';
import { openSnapshot } from './snapshot.ts';

let parent: string;
let dataDir: string;
let open: DatabaseSync[];
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'recourse-backups-'));
  dataDir = join(parent, 'data');
  open = backupDatabases.map((name) => database(join(dataDir, name)));
});
afterEach(() => {
  for (const db of open) db.close();
  rmSync(parent, { recursive: true, force: true });
});

/** A file in which each turn is one row, with some weight. */
const database = (path: string): DatabaseSync => {
  mkdirSync(dirname(path), { recursive: true });
  const db = new DatabaseSync(path);
  db.exec('pragma journal_mode = wal; pragma synchronous = off;');
  db.exec('create table records (position integer primary key, data blob);');
  return db;
};

/** As one turn of the event loop does: a row into each file. */
const turn = () => {
  for (const db of open) db.exec('insert into records (data) values (randomblob(20000))');
};

const countIn = (path: string): number => {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return Number(db.prepare('select count(*) as n from records').get()?.n);
  } finally {
    db.close();
  }
};

const backups = (options: Partial<BackupsOptions> = {}) =>
  openBackups({ dataDir, clock: systemClock, version: 'of a test', ...options });

describe('a backup', () => {
  it('is of one moment in every file, however much is written while it is copied', async () => {
    for (let n = 0; n < 300; n += 1) turn();
    const snapshot = openSnapshot(dataDir);
    let turns = 0;
    let copying = true;
    const writing = (async () => {
      while (copying) {
        turn();
        turns += 1;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const copied = join(parent, 'copied');
    await snapshot.copyInto(copied, new AbortController().signal);
    copying = false;
    await writing;
    snapshot.close();

    expect(turns).toBeGreaterThan(5);
    expect(snapshot.position).toBe(300);
    for (const name of backupDatabases) expect([name, countIn(join(copied, name))]).toEqual([name, 300]);
    for (const name of backupDatabases)
      expect([name, countIn(join(dataDir, name))]).toEqual([name, 300 + turns]);
  });

  it('is a tar file with its manifest first, and leaves nothing behind', async () => {
    turn();
    const backup = await backups().take();
    const unpacked = join(parent, 'unpacked');
    mkdirSync(unpacked);
    const names: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const into = extract({ cwd: unpacked, strict: true, onReadEntry: ({ path }) => names.push(path) });
      backup.stream.pipe(into).on('close', resolve).on('error', reject);
    });
    await backup.end();
    expect(names).toEqual(['backup.json', ...backupDatabases]);
    const manifest = JSON.parse(readFileSync(join(unpacked, 'backup.json'), 'utf8'));
    expect(manifest).toMatchObject({ format: 1, recourse: 'of a test', position: '0000000000000001' });
    for (const name of backupDatabases) expect([name, countIn(join(unpacked, name))]).toEqual([name, 1]);
    expect(existsSync(join(dataDir, 'backing-up'))).toBe(false);
  });

  it('is refused before anything is written where the disk has no room for it', async () => {
    const full = backups({ freeBytes: () => 1_000_000 });
    await expect(full.take()).rejects.toMatchObject({
      code: 'no-space',
      message: expect.stringMatching(/^The disk of .+ has 1 MB free, and 33 MB are needed: make room/),
    });
    expect(existsSync(join(dataDir, 'backing-up'))).toBe(false);
    await expect(full.take()).rejects.toMatchObject({ code: 'no-space' });
  });

  it('is refused while another is taken, and can be taken once that has ended or was given up', async () => {
    const all = backups();
    const first = await all.take();
    await expect(all.take()).rejects.toMatchObject({ code: 'backup-running' });
    await first.end();
    expect(existsSync(join(dataDir, 'backing-up'))).toBe(false);

    const given = new AbortController();
    const second = all.take(given.signal);
    given.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    expect(existsSync(join(dataDir, 'backing-up'))).toBe(false);
    await (await all.take()).end();
    const last = await all.take();
    await all.close();
    expect(last.stream.destroyed).toBe(true);
    expect(existsSync(join(dataDir, 'backing-up'))).toBe(false);
  });

  it('does not trip over what a killed process left', async () => {
    mkdirSync(join(dataDir, 'backing-up', 'simulated'), { recursive: true });
    writeFileSync(join(dataDir, 'backing-up', 'log.db'), 'half of it');
    const all = backups();
    expect(existsSync(join(dataDir, 'backing-up'))).toBe(false);
    await (await all.take()).end();
  });

  it('says which file is none that it can read', async () => {
    for (const db of open.splice(0)) db.close();
    writeFileSync(join(dataDir, 'timers.db'), 'no database at all, and long enough to be looked at');
    await expect(backups().take()).rejects.toMatchObject({
      code: 'damaged',
      message: expect.stringMatching(/timers\.db cannot be backed up: file is not a database/),
    });
    expect(existsSync(join(dataDir, 'backing-up'))).toBe(false);
  });
});
