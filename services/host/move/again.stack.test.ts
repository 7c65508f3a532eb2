import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { UnavailableError } from '@recourse/infra/errors';
import { kafkaClient } from '@recourse/infra/kafka/client';
import { holdFolder } from '@recourse/infra/lock';
import { openShop } from '../../../test/shop.ts';
import { describeOnStack, silent, stack } from '../../../test/stack/kit.ts';
import { runRecourse } from '../testing/run-recourse.ts';
import type { TargetLog } from './copy.ts';
import { type OldShop, oldShop } from './testing/old-shop.ts';
import { freshTarget, type Target } from './testing/target.ts';

describeOnStack('recourse move', () => {
  let old: OldShop;
  let folders: string;
  let count = 0;
  const targets: Target[] = [];
  beforeAll(async () => {
    folders = await mkdtemp(join(tmpdir(), 'recourse-move-'));
    old = await oldShop();
  });
  afterAll(async () => {
    await Promise.all(targets.map(({ drop }) => drop()));
    await rm(folders, { recursive: true, force: true });
    await old.end();
  });

  /** A copy of the old shop's folder. */
  const aFolder = async (): Promise<string> => {
    count += 1;
    const folder = join(folders, String(count));
    await cp(old.dataDir, folder, { recursive: true });
    return folder;
  };
  const aTarget = async (): Promise<Target> => {
    const target = await freshTarget();
    targets.push(target);
    return target;
  };

  /** What its files hold, but for those that SQLite needs beside a file that is read. */
  const filesOf = async (folder: string): Promise<Record<string, string>> => {
    const names = await readdir(folder, { recursive: true, withFileTypes: true });
    const kept = names.filter((it) => it.isFile() && !/-(shm|wal)$|^lock\./.test(it.name));
    return Object.fromEntries(
      await Promise.all(
        kept.map(async ({ name, parentPath }) => {
          const path = join(parentPath, name);
          const sum = createHash('sha256')
            .update(await readFile(path))
            .digest('hex');
          return [relative(folder, path), sum];
        }),
      ),
    );
  };

  it('goes on where it was killed, and changes nothing where all is done', async () => {
    const [folder, target] = [await aFolder(), await aTarget()];
    const before = await filesOf(folder);
    const killedAfter = (records: number) => (log: TargetLog) => ({
      ...log,
      importRecords: async (all: Parameters<TargetLog['importRecords']>[0]) => {
        await log.importRecords(all.slice(0, records));
        throw new UnavailableError('killed');
      },
    });
    const headOf = async () => {
      throw new UnavailableError('killed');
    };
    await expect(target.move(folder, { wrapLog: killedAfter(40) })).rejects.toThrow('killed');
    await expect(target.move(folder, { wrapLog: (log) => ({ ...log, headOf }) })).rejects.toThrow('killed');
    expect(await filesOf(folder)).toEqual(before);

    const moved = await target.move(folder);
    expect(moved).toMatchObject({ copied: 0, differing: 0, marked: true });
    const marked = await readFile(join(folder, 'moved.json'), 'utf8');
    expect(marked).not.toContain('postgres:');
    const rows = () => target.postgres.query('select * from parked order by id');
    const parked = await rows();
    expect(await target.move(folder)).toEqual(moved);
    expect(await rows()).toEqual(parked);
    expect(await readFile(join(folder, 'moved.json'), 'utf8')).toBe(marked);
    const { 'moved.json': _, ...others } = await filesOf(folder);
    expect(others).toEqual(before);

    await expect(openShop({ dataDir: folder })).rejects.toMatchObject({ code: 'moved' });
    const elsewhere = { ...target.config, postgresSchema: 'elsewhere' };
    await expect(target.move(folder, { config: elsewhere })).rejects.toMatchObject({ code: 'moved' });
  });

  it('says what is not the same, and does not mark the folder', async () => {
    const [folder, target] = [await aFolder(), await aTarget()];
    const wrapLog = (log: TargetLog): TargetLog => ({
      ...log,
      readAll: async (...asked) =>
        (await log.readAll(...asked)).map((it) => (it.position === 7 ? { ...it, causation: 'another' } : it)),
      headOf: async (stream) => (await log.headOf(stream)) + (String(stream) === 'stock-SKU-B' ? 1 : 0),
    });
    const report = await target.move(folder, { wrapLog });
    expect(report).toMatchObject({ differing: 2, marked: false });
    expect(report.differences[0]).toMatch(
      /^record 7 .*causation is ".*" in the folder, "another" in the target/,
    );
    expect(report.differences[1]).toContain('stock-SKU-B ends with revision');
    expect(await readdir(folder)).not.toContain('moved.json');
  });

  it('is a command: rehearses, moves, and puts right what a rehearsal has left', async () => {
    const [folder, target] = [await aFolder(), await aTarget()];
    const { environment, postgres } = target;
    const run = (...flags: string[]) => runRecourse(['move', '--data-dir', folder, ...flags], environment);
    const copied = await run('--to', 'postgres', '--copy', '--json');
    expect(copied).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(copied.stdout)).toMatchObject({ differing: 0, marked: false, carried: { dead: 1 } });

    // The folder went on after the rehearsal.
    const shop = await openShop({ dataDir: folder });
    const [dead] = (await shop.get('/dead-letters')).body.items;
    await shop.post(`/dead-letters/${dead!.id}/discard`, { note: 'a test' });
    await shop.placeAndWait();
    await shop.recourse.close();
    const moved = await run('--to', 'postgres');
    expect(moved).toMatchObject({ code: 0, stderr: '' });
    expect(moved.stdout).toMatch(/dead letters +\d\n/);
    expect(moved.stdout).toContain('The folder is marked as moved.');
    const [letters] = await postgres.query('select count(*) as count from discarded');
    expect(letters).toEqual({ count: 1 });

    const started = await runRecourse(['start', '--data-dir', folder, '--port', '0']);
    expect(started).toMatchObject({ code: 1, stdout: '' });
    expect(started.stderr).toContain('was moved on');
    const wrong = await run('--to', 'eventstore');
    expect(wrong).toMatchObject({ code: 1 });
    expect(wrong.stderr).toContain('EVENTSTORE_URL');
  });

  it('refuses a folder that is held, damaged, imported, or none', async () => {
    const target = await aTarget();
    const refused = (folder: string) => target.move(folder).catch((error) => error);
    const held = await aFolder();
    const holder = holdFolder(held, { host: '127.0.0.1', port: 0 });
    expect(await refused(held)).toMatchObject({ code: 'data-folder-held' });
    holder.release();

    const damaged = await aFolder();
    const db = new DatabaseSync(join(damaged, 'log.db'));
    db.exec("UPDATE records SET data = replace(data, 'GBP', 'EUR') WHERE position = 5");
    db.close();
    const error = await refused(damaged);
    expect(error).toMatchObject({ code: 'log-damaged' });
    expect(error.message).toMatch(/record 5|position 5/);

    const imported = await aFolder();
    await writeFile(join(imported, 'imported.json'), '{"orderId":"x","from":"y"}');
    expect(await refused(imported)).toMatchObject({ code: 'data-folder-imported' });
    expect(await refused(join(folders, 'none'))).toMatchObject({ code: 'no-log' });
    expect(await target.postgres.query('select * from log_records')).toEqual([]);
  });

  it('refuses a target in which something has begun', async () => {
    const [folder, target] = [await aFolder(), await aTarget()];
    const { query } = target.postgres;
    const refused = () => target.move(folder).catch((error) => error);
    await query("insert into lease_competitor values ('relay', 'somebody', now() + interval '1 minute')");
    expect(await refused()).toMatchObject({ code: 'move-target-in-use' });
    await query('delete from lease_competitor');
    await query("insert into simulated_unreached values ('key', 1)");
    expect(await refused()).toMatchObject({ code: 'move-target-used' });
    await query('delete from simulated_unreached');
    await query('insert into relay_checkpoint values (3, 0, 9)');
    expect(await refused()).toMatchObject({ code: 'move-target-published' });
    await query('delete from relay_checkpoint');

    const shop = await openShop();
    await shop.close();
    expect(await target.move(shop.dataDir, { copy: true })).toMatchObject({ differing: 0 });
    expect(await refused()).toMatchObject({ code: 'move-target-log' });
    await shop.end();

    const kafka = kafkaClient({ brokers: stack.kafkaBrokers, clientId: 'test' }, silent);
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic: `${target.prefix}saga.events`, messages: [{ key: 'x', value: 'y' }] });
    await producer.disconnect();
    const error = await refused();
    expect(error).toMatchObject({ code: 'move-target-published' });
    expect(error.message).toContain(`${target.prefix}saga.events has held messages`);
  });
});
