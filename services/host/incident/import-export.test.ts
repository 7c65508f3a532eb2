import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ExportRecord } from '@recourse/contracts/export';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import { systemClock } from '@recourse/infra/system';
import { openShop } from '../../../test/shop.ts';
import { runRecourse } from '../testing/run-recourse.ts';
import { importExport } from './import-export.ts';
import { readExport } from './read-export.ts';

// The command runs in a process of its own, and the machine may be busy.
let room: string;
let orderId: string;
let text: string;
let file: string;
let dataDir: string;
beforeAll(async () => {
  room = mkdtempSync(join(tmpdir(), 'recourse-import-'));
  const shop = await openShop();
  orderId = (await shop.placeAndWait({ customerId: 'anna', country: 'Atlantis' })).orderId;
  text = await (await fetch(`${shop.url}/sagas/${orderId}/export`)).text();
  await shop.end();
});
beforeEach(() => {
  dataDir = join(mkdtempSync(join(room, 'test-')), 'data');
  file = join(room, 'order.jsonl');
  writeFileSync(file, text);
});
afterAll(() => rmSync(room, { recursive: true }));

const recordsOf = (lines: string) =>
  lines
    .split('\n')
    .slice(1, -2)
    .map((line) => ExportRecord.parse(JSON.parse(line)));

/** The export with another content, and the sum of that. */
const resealed = (change: (lines: string[]) => string[]): string => {
  const lines = change(text.split('\n').slice(0, -2));
  const sha256 = createHash('sha256')
    .update(`${lines.join('\n')}\n`)
    .digest('hex');
  return `${lines.join('\n')}\n${JSON.stringify({ records: lines.length - 1, sha256 })}\n`;
};

describe('an import', () => {
  it('holds the records of the order with revisions, ids and times kept, and leaves the stock out', async () => {
    const imported = await importExport(file, dataDir);
    const exported = recordsOf(text);
    const own = exported.filter(({ forReading }) => forReading === undefined);
    expect(imported).toMatchObject({ records: own.length, leftOut: exported.length - own.length });
    expect(imported.leftOut).toBe(2);
    const log = openSqliteLog({ path: join(dataDir, 'log.db'), clock: systemClock });
    const stored = await log.readAll(0, 1_000);
    expect(
      stored.map(({ position, time, ...record }) => ({ ...record, time: new Date(time).toISOString() })),
    ).toEqual(own.map(({ position, ...record }) => record));
    await log.close();
  });

  it('is looked at by the command, without a server, and nothing can be started on it', async () => {
    const done = await runRecourse(['import', file, '--data-dir', dataDir]);
    expect(done).toMatchObject({ code: 0 });
    expect(done.stdout).toContain('2 records of the stock were left out');
    const history = await runRecourse(['history', orderId, '--data-dir', dataDir]);
    expect(history.code).toBe(0);
    expect(history.stdout).toContain('OrderCancelled');
    const started = await runRecourse(['start', '--data-dir', dataDir, '--port', '0']);
    expect(started.code).toBe(1);
    expect(started.stderr).toMatch(/holds order .*, imported from order\.jsonl .*would act again/);
    expect(started.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('is exported as it was imported', async () => {
    await importExport(file, dataDir);
    const again = await runRecourse(['export', orderId, '--data-dir', dataDir]);
    expect(again.code).toBe(0);
    const own = recordsOf(text).filter(({ forReading }) => forReading === undefined);
    const plain = (records: readonly ExportRecord[]) => records.map(({ position, ...record }) => record);
    expect(plain(recordsOf(again.stdout))).toEqual(plain(own));
  });
});

describe('an import changes nothing', () => {
  afterEach(() => {
    const left = readdirSync(dirname(dataDir));
    expect(left).toEqual([]);
  });

  const refused = async (content: string, code: string, says: RegExp) => {
    writeFileSync(file, content);
    const error = await importExport(file, dataDir).catch((it: unknown) => it);
    expect(error).toMatchObject({ name: 'StartError', code, message: expect.stringMatching(says) });
  };

  it('where the export was cut off, wherever', async () => {
    const lineEnds = [...text.matchAll(/\n/g)].map(({ index }) => index);
    for (const end of [
      text.length - 1,
      text.length - 20,
      lineEnds[5]! + 1,
      lineEnds[5]! + 40,
      lineEnds[0]! + 1,
    ])
      await refused(text.slice(0, end), 'export-truncated', /ends too early.*Nothing was changed/);
  });

  it('where one letter of it is another', () =>
    refused(text.replace('"GBP"', '"EUR"'), 'export-edited', /checksum is another/));

  it('where a record was taken out', () =>
    refused(
      resealed((lines) => lines.filter((_, index) => index !== 4)),
      'export-truncated',
      /ends too early/,
    ));

  it('where a record was taken out, and counted', () =>
    refused(
      resealed(([first, ...lines]) => {
        const header = { ...JSON.parse(first!), records: lines.length - 1 };
        return [JSON.stringify(header), ...lines.filter((line) => !line.includes('"PaymentStarted"'))];
      }),
      'export-edited',
      /has a gap before revision 1/,
    ));

  it('where a record is not what its type says', () =>
    refused(
      resealed((lines) => lines.map((line) => line.replace('"chargeId"', '"charge"'))),
      'export-edited',
      /is no PaymentProcessed/,
    ));

  it('where a record is of another order', () =>
    refused(
      resealed((lines) => lines.map((line) => line.replace(`"shipping-${orderId}"`, '"shipping-7"'))),
      'export-edited',
      /shipping-7 is no stream of order/,
    ));

  it('where it is of another format', () =>
    refused(
      text.replace('"version":1', '"version":2'),
      'export-version',
      /of format 2; this Recourse reads format 1/,
    ));

  it('where it holds a version of a record that is not known', () =>
    refused(
      resealed((lines) =>
        lines.map((line) =>
          line.replace('"type":"OrderCreated","version":1', '"type":"OrderCreated","version":9'),
        ),
      ),
      'export-version',
      /line 2, is a OrderCreated of version 9/,
    ));

  it('where it is no export at all', async () => {
    await refused('{"name":"something"}\n', 'not-an-export', /no export of an order/);
    await refused('', 'not-an-export', /no export of an order/);
    rmSync(file);
    await expect(importExport(file, dataDir)).rejects.toMatchObject({ code: 'export-missing' });
    mkdirSync(file);
    await expect(importExport(file, dataDir)).rejects.toMatchObject({ code: 'not-an-export' });
    rmSync(file, { recursive: true });
  });
});

describe('a folder that holds data', () => {
  it('is left as it is', async () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'something'), 'of mine');
    const ran = await runRecourse(['import', file, '--data-dir', dataDir]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/holds data already: name another folder/);
    expect(readdirSync(dataDir)).toEqual(['something']);
  });

  it('may be there as long as it is empty', async () => {
    mkdirSync(dataDir);
    await importExport(file, dataDir);
    expect(readdirSync(dataDir).sort()).toEqual(['imported.json', 'log.db']);
  });
});

describe('recourse export', () => {
  it('writes no file that is there already', async () => {
    const ran = await runRecourse(['export', orderId, '--out', file, '--data-dir', dataDir]);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('is there already: name another')]);
  });

  it('says so of an order that is not there', async () => {
    await importExport(file, dataDir);
    const out = join(room, 'none.jsonl');
    const other = '0192f0a0-0000-7000-8000-000000000009';
    const ran = await runRecourse(['export', other, '--out', out, '--data-dir', dataDir]);
    expect([ran.code, existsSync(out)]).toEqual([1, false]);
    expect(ran.stderr).toContain('not-found');
  });

  it('reads back what it wrote', () => {
    expect(readExport(text, 'it').records.length).toBe(recordsOf(text).length);
  });
});
