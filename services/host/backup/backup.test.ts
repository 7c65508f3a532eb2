import { createReadStream } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { BackupManifest, backupDatabases } from '@recourse/contracts/backup';
import { sealed } from '@recourse/infra/backup/seal';
import { holdFolder } from '@recourse/infra/lock';
import { create, extract } from 'tar';
import { openShop, type Shop } from '../../../test/shop.ts';
import { runRecourse } from '../testing/run-recourse.ts';
import { restoreBackup } from './restore.ts';
import { saveBackup } from './save.ts';

let parent: string;
let shop: Shop;
let orderId: string;
/** A backup of the shop, and its files and manifest as they were unpacked. */
let backup: string;
let unpacked: string;
let manifest: BackupManifest;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'recourse-backup-'));
  shop = await openShop();
  ({ orderId } = await shop.placeAndWait());
  backup = join(parent, 'whole.tar');
  const { code, stdout, stderr } = await runRecourse(['backup', backup, '--url', shop.url]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: `From the server at ${shop.url}.\n` });
  expect(stdout).toContain('all sums right');
  unpacked = join(parent, 'unpacked');
  await mkdir(unpacked);
  await extract({ file: backup, cwd: unpacked });
  manifest = BackupManifest.parse(JSON.parse(await readFile(join(unpacked, 'backup.json'), 'utf8')));
});
afterAll(async () => {
  await shop?.end();
  await rm(parent, { recursive: true, force: true });
});

const opened: Shop[] = [];
afterEach(async () => {
  for (const it of opened.splice(0)) await it.close();
});
const open = async (dataDir: string): Promise<Shop> => {
  const it = await openShop({ dataDir });
  opened.push(it);
  return it;
};

/** Another tar file of the unpacked one, changed as told. */
const repacked = async (
  name: string,
  change: (folder: string) => Promise<void>,
  names: readonly string[] = ['backup.json', ...manifest.files.map(({ name }) => name)],
): Promise<string> => {
  const folder = join(parent, `${name}-folder`);
  await cp(unpacked, folder, { recursive: true });
  await change(folder);
  const file = join(parent, `${name}.tar`);
  await create({ file, cwd: folder, portable: true }, [...names]);
  return file;
};

const withManifest = (folder: string, changed: unknown) =>
  writeFile(join(folder, 'backup.json'), JSON.stringify(changed));

describe('recourse backup and restore', () => {
  it('puts back what was there, from a server or from a folder, and it goes on', async () => {
    const restored = join(parent, 'restored');
    const { code, stdout } = await runRecourse(['restore', backup, '--data-dir', restored]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringContaining('recourse start --data-dir'),
    });
    expect((await readdir(restored)).sort()).toEqual([
      'delivery.db',
      'log.db',
      'machines',
      'simulated',
      'timers.db',
    ]);

    const fromFolder = join(parent, 'from-folder.tar');
    const again = await runRecourse(['backup', fromFolder, '--data-dir', restored, '--json']);
    expect(again).toMatchObject({
      code: 0,
      stderr: `From the data folder ${restored} (no server runs there).\n`,
    });
    expect(JSON.parse(again.stdout)).toMatchObject({ position: manifest.position });
    // Compressed by whoever keeps it, it is read as well.
    const compressed = `${fromFolder}.gz`;
    await writeFile(compressed, gzipSync(await readFile(fromFolder)));
    await restoreBackup({ file: compressed, dataDir: join(parent, 'restored-again') });

    for (const dataDir of [restored, join(parent, 'restored-again')]) {
      const it = await open(dataDir);
      expect(await it.order(orderId)).toEqual(await shop.order(orderId));
      expect(await it.placeAndWait()).toMatchObject({ state: 'completed' });
      expect(await it.ledger()).toMatchObject({ violations: [], orders: { completed: 2 } });
    }
  });

  it('refuses a backup that was cut off, wherever it was', async () => {
    const bytes = await readFile(backup);
    const cuts = [0, 100, 512, 1_000, 2_048, 20_000, bytes.length >> 1, bytes.length - 2_048];
    for (const cut of cuts) {
      const file = join(parent, 'cut.tar');
      await writeFile(file, bytes.subarray(0, cut));
      await expect(restoreBackup({ file, dataDir: join(parent, 'into') })).rejects.toMatchObject({
        code: 'backup-damaged',
        message: expect.stringMatching(
          /cut\.tar is no whole backup: .+\. Nothing was changed; take another\.$/,
        ),
      });
    }
    const folder = await runRecourse(['restore', parent, '--data-dir', join(parent, 'into')]);
    expect(folder).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot be read: EISDIR.+\. Nothing/),
    });
    expect(folder.stderr).not.toMatch(/^Error|\n {4}at /);
    expect((await readdir(parent)).filter((name) => name.startsWith('into'))).toEqual([]);
  });

  it('refuses a backup in which anything was edited, left out or added', async () => {
    const edited: [string, Promise<string>, RegExp][] = [
      [
        'a byte of the log',
        repacked('byte', async (folder) => {
          const log = await readFile(join(folder, 'log.db'));
          log[log.length - 100]! ^= 1;
          await writeFile(join(folder, 'log.db'), log);
        }),
        /log\.db is not what was written/,
      ],
      [
        'a longer file',
        repacked('longer', (folder) => writeFile(join(folder, 'timers.db'), 'x', { flag: 'a' })),
        /timers\.db has \d+ bytes instead of \d+/,
      ],
      [
        'the manifest',
        repacked('position', (folder) => withManifest(folder, { ...manifest, position: '0000000000000001' })),
        /backup\.json is not what was written/,
      ],
      [
        'a missing log',
        repacked('missing', async () => {}, [
          'backup.json',
          ...manifest.files.map(({ name }) => name).filter((name) => name !== 'log.db'),
        ]),
        /log\.db is missing/,
      ],
      [
        'something else in it',
        repacked('more', (folder) => writeFile(join(folder, 'more'), ''), ['backup.json', 'more']),
        /more does not belong there/,
      ],
      [
        'no manifest',
        repacked('none', async () => {}, [...backupDatabases]),
        /it does not begin with backup\.json/,
      ],
      ['no JSON', repacked('json', (folder) => writeFile(join(folder, 'backup.json'), '{')), /is no JSON/],
    ];
    for (const [what, file, why] of edited) {
      const refused = restoreBackup({ file: await file, dataDir: join(parent, 'into') });
      await expect(refused.catch(({ code, message }) => ({ what, code, message }))).resolves.toEqual({
        what,
        code: 'backup-damaged',
        message: expect.stringMatching(why),
      });
    }
    expect((await readdir(parent)).filter((name) => name.startsWith('into'))).toEqual([]);
  });

  it('refuses a backup of another version, and what is none', async () => {
    const newer = { ...sealed({ ...manifest }), format: 2, recourse: '9.0.0', more: true };
    const file = await repacked('newer', (folder) => withManifest(folder, newer));
    await expect(restoreBackup({ file, dataDir: join(parent, 'into') })).rejects.toMatchObject({
      code: 'backup-version',
      message: expect.stringMatching(
        /is a backup of format 2, made by Recourse 9\.0\.0; this one reads format 1/,
      ),
    });
    const { code, stderr } = await runRecourse([
      'restore',
      import.meta.filename,
      '--data-dir',
      join(parent, 'into'),
    ]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/is no whole backup/) });
    const none = await runRecourse(['restore', '/nothing.tar', '--data-dir', join(parent, 'into')]);
    expect(none).toMatchObject({ code: 1, stderr: '/nothing.tar does not exist. Nothing was changed.\n' });
    expect((await readdir(parent)).filter((name) => name.startsWith('into'))).toEqual([]);
  });

  it('touches no folder that holds data, and no file that is there', async () => {
    const before = await readdir(shop.dataDir);
    await expect(restoreBackup({ file: backup, dataDir: shop.dataDir })).rejects.toMatchObject({
      code: 'data-folder-not-empty',
    });
    expect(await readdir(shop.dataDir)).toEqual(before);

    await expect(restoreBackup({ file: backup, dataDir: backup })).rejects.toMatchObject({
      code: 'data-folder-unusable',
      message: `${backup} is no folder: name another with --data-dir. Nothing was changed.`,
    });

    const precious = join(parent, 'precious');
    await copyFile(import.meta.filename, precious);
    const { code, stderr } = await runRecourse(['backup', precious, '--url', shop.url]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/is there already: name another/),
    });
    expect(await readFile(precious)).toEqual(await readFile(import.meta.filename));
    const nowhere = await runRecourse(['backup', join(parent, 'no', 'folder.tar'), '--url', shop.url]);
    expect(nowhere).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/folder\.tar\.part cannot be written/),
    });
  });

  it('is restored into a folder by one command at a time, and nothing starts there meanwhile', async () => {
    const dataDir = join(parent, 'wanted');
    let second: Promise<unknown> | undefined;
    await restoreBackup({
      file: backup,
      dataDir,
      onBytes: () => {
        second = restoreBackup({ file: backup, dataDir }).catch((error: unknown) => error);
        expect(() => holdFolder(dataDir, { host: '127.0.0.1', port: 0 })).toThrow('is held by process');
      },
    });
    expect(await second).toMatchObject({ code: 'data-folder-not-empty' });
    expect(await (await open(dataDir)).order(orderId)).toMatchObject({ state: 'completed' });
  });

  it('is not saved where another is being saved', async () => {
    const file = join(parent, 'nightly.tar');
    const take = async () => createReadStream(backup);
    let second: Promise<unknown> | undefined;
    await saveBackup({
      file,
      take,
      onBytes: () => {
        second = saveBackup({ file, take }).catch((error: unknown) => error);
      },
    });
    expect(await second).toMatchObject({ code: 'file-exists', message: expect.stringMatching(/\.part is/) });
    expect(await readFile(file)).toEqual(await readFile(backup));
  });

  it('takes an empty folder as it is, with the lock that a stopped server leaves', async () => {
    const empty = join(parent, 'empty');
    await mkdir(empty);
    await writeFile(join(empty, 'lock.db'), '');
    await restoreBackup({ file: backup, dataDir: empty });
    expect(await (await open(empty)).order(orderId)).toMatchObject({ state: 'completed' });
  });
});
